#include "supervisor/socket/bind.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_CLOEXEC;
constexpr int kFirstFreePort = 1024;

absl::Status Error(std::string_view what) {
  return absl::FailedPreconditionError(what);
}

absl::Status TcpError(const ListenSpec& spec, int error) {
  switch (error) {
    case EADDRINUSE:
      return Error("the address is in use: another process listens on it");
    case EACCES:
      return Error(spec.port < kFirstFreePort
                       ? "no permission: a port below 1024 needs the "
                         "capability NET_BIND_SERVICE"
                       : "no permission");
    case EADDRNOTAVAIL:
      return Error("no network interface here has this address");
    case EAFNOSUPPORT:
      return Error(spec.ipv6 ? "there is no IPv6 here; tcp://0.0.0.0:PORT is "
                               "for all IPv4 addresses"
                             : "there is no IPv4 here");
    default:
      return Error(::strerrordesc_np(error));
  }
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(),
              std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

// Makes way for a new socket at `path`.
absl::Status RemoveStale(const std::string& path) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) {
    return absl::OkStatus();  // bind tells what it means
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error("this file is there already and is no socket");
  }
  const UniqueFd client(::socket(AF_UNIX, kStream | SOCK_NONBLOCK, 0));
  const sockaddr_un address = UnixAddress(path);
  const bool connected =
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0;
  // A full queue, or a socket of another type, has an owner as well.
  if (connected || (errno != ECONNREFUSED && errno != ENOENT)) {
    return Error(!connected && errno == EACCES
                     ? "this socket is there already, and there is no "
                       "permission to see whether somebody listens on it"
                     : "the address is in use: another process listens on it");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error(
        absl::StrCat("a socket without an owner is in the way and "
                     "cannot be removed: ",
                     ::strerrordesc_np(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat found;
  if (::lstat(path_.c_str(), &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this == &other) return *this;
  Remove();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

bool SocketFile::IsThere() const {
  struct stat found;
  return !path_.empty() && ::lstat(path_.c_str(), &found) == 0 &&
         S_ISSOCK(found.st_mode) && found.st_dev == device_ &&
         found.st_ino == inode_;
}

void SocketFile::Remove() {
  if (IsThere()) ::unlink(path_.c_str());
  path_.clear();
}

absl::StatusOr<BoundSocket> BindTcp(const ListenSpec& spec, int backlog,
                                    bool only_ipv6) {
  BoundSocket bound;
  bound.fd.reset(::socket(spec.ipv6 ? AF_INET6 : AF_INET, kStream, 0));
  if (!bound.fd.valid()) return TcpError(spec, errno);
  const int on = 1;
  // Connections of an earlier life may still be in TIME_WAIT.
  ::setsockopt(bound.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in6 six = {};
  sockaddr_in four = {};
  const auto port = htons(static_cast<uint16_t>(spec.port));
  int error;
  if (spec.ipv6) {
    const int only = only_ipv6 ? 1 : 0;
    ::setsockopt(bound.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only,
                 sizeof(only));
    six.sin6_family = AF_INET6;
    six.sin6_port = port;
    ::inet_pton(AF_INET6, spec.host.c_str(), &six.sin6_addr);
    error =
        ::bind(bound.fd.get(), reinterpret_cast<sockaddr*>(&six), sizeof(six));
  } else {
    four.sin_family = AF_INET;
    four.sin_port = port;
    ::inet_pton(AF_INET, spec.host.c_str(), &four.sin_addr);
    error = ::bind(bound.fd.get(), reinterpret_cast<sockaddr*>(&four),
                   sizeof(four));
  }
  if (error != 0 || ::listen(bound.fd.get(), backlog) != 0) {
    return TcpError(spec, errno);
  }
  return bound;
}

absl::StatusOr<BoundSocket> BindUnix(const ListenSpec& spec, int backlog,
                                     int type) {
  if (absl::Status s = RemoveStale(spec.path); !s.ok()) return s;
  BoundSocket bound;
  bound.fd.reset(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(spec.path);
  if (!bound.fd.valid() ||
      ::bind(bound.fd.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
    return Error(errno == ENOENT       ? "its folder is not there"
                 : errno == EACCES     ? "no permission to write its folder"
                 : errno == EADDRINUSE ? "this file is there already"
                                       : ::strerrordesc_np(errno));
  }
  bound.file = SocketFile(spec.path);
  // Nobody can connect before listen, so nobody finds it with other rights.
  if ((spec.user.has_value() || spec.group.has_value()) &&
      ::lchown(spec.path.c_str(), spec.user.value_or(static_cast<uid_t>(-1)),
               spec.group.value_or(static_cast<gid_t>(-1))) != 0) {
    return Error(absl::StrCat("cannot be given to that user or group: ",
                              ::strerrordesc_np(errno)));
  }
  if (spec.mode.has_value() && ::chmod(spec.path.c_str(), *spec.mode) != 0) {
    return Error(
        absl::StrCat("cannot be given that mode: ", ::strerrordesc_np(errno)));
  }
  if (::listen(bound.fd.get(), backlog) != 0) {
    return Error(::strerrordesc_np(errno));
  }
  return bound;
}

}  // namespace reinit
