#include "supervisor/probe/resolver.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <nss.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// One write of the child: whole, because it is shorter than PIPE_BUF.
struct Found {
  int count = 0;  // or a negative EAI_ error
  sockaddr_storage addresses[kMaxFound] = {};
};
static_assert(sizeof(Found) <= PIPE_BUF);

Address Ipv4(in_addr address, uint16_t port) {
  Address result;
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr = address;
  std::memcpy(&result.storage, &in, sizeof(in));
  result.size = sizeof(in);
  return result;
}

Address Ipv6(const in6_addr& address, uint16_t port) {
  Address result;
  sockaddr_in6 in = {};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_addr = address;
  std::memcpy(&result.storage, &in, sizeof(in));
  result.size = sizeof(in);
  return result;
}

// Closes everything from `first` up to `last`: what the child has inherited
// would otherwise keep connections open that the parent has closed.
void CloseRange(unsigned first, unsigned last) {
  if (first <= last) (void)::syscall(SYS_close_range, first, last, 0);
}

[[noreturn]] void RunChild(const std::string& host, LookupFn lookup, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  CloseRange(3, static_cast<unsigned>(out) - 1);
  CloseRange(static_cast<unsigned>(out) + 1, ~0U);
  Found found;
  found.count = lookup(host.c_str(), found.addresses);
  // Nothing to do about a parent that is gone.
  (void)!::write(out, &found, sizeof(found));
  ::_exit(0);
}

}  // namespace

std::vector<Address> KnownAddresses(const std::string& host, uint16_t port) {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return {Ipv4(v4, port)};
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return {Ipv6(v6, port)};
  if (absl::EqualsIgnoreCase(host, "localhost") ||
      absl::EqualsIgnoreCase(host, "localhost.")) {
    v4.s_addr = htonl(INADDR_LOOPBACK);
    return {Ipv4(v4, port), Ipv6(in6addr_loopback, port)};
  }
  return {};
}

int SystemLookup(const char* host, sockaddr_storage* found) {
  __nss_configure_lookup("hosts", "files dns");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  // EAI_ errors are negative in glibc.
  if (const int error = ::getaddrinfo(host, nullptr, &hints, &list)) {
    return error;
  }
  int count = 0;
  for (const addrinfo* a = list; a != nullptr && count < kMaxFound;
       a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    std::memcpy(&found[count++], a->ai_addr, a->ai_addrlen);
  }
  ::freeaddrinfo(list);
  return count > 0 ? count : EAI_NONAME;
}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Start(
    const std::string& host, uint16_t port, LookupFn lookup) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make a pipe");
  }
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "cannot fork to look it up");
  if (pid == 0) RunChild(host, lookup, writer.get());
  return std::unique_ptr<Resolver>(new Resolver(pid, std::move(reader), port));
}

// While the pipe has not ended the process certainly lives, so its number
// cannot belong to a stranger, even where SIGCHLD is ignored.
Resolver::~Resolver() {
  if (!ended_) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::StatusOr<std::vector<Address>> Resolver::Finish() {
  Found found;
  ssize_t size;
  do {
    size = ::read(pipe_.get(), &found, sizeof(found));
  } while (size < 0 && errno == EINTR);
  ended_ = true;
  if (size != sizeof(found) || found.count == 0 || found.count > kMaxFound) {
    return absl::InternalError("the look-up broke off");
  }
  if (found.count < 0) {
    return absl::NotFoundError(::gai_strerror(found.count));
  }
  std::vector<Address> addresses;
  for (int i = 0; i < found.count; ++i) {
    const sockaddr_storage& storage = found.addresses[i];
    if (storage.ss_family == AF_INET) {
      sockaddr_in in;
      std::memcpy(&in, &storage, sizeof(in));
      addresses.push_back(Ipv4(in.sin_addr, port_));
    } else {
      Address address{storage, sizeof(sockaddr_in6)};
      // In place, since a link-local address carries its scope.
      reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port =
          htons(port_);
      addresses.push_back(address);
    }
  }
  return addresses;
}

}  // namespace reinit
