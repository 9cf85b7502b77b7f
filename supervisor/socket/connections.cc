#include "supervisor/socket/connections.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "absl/functional/function_ref.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

constexpr size_t kChunk = size_t{32} << 10;  // the most that the kernel gives
constexpr int kMaxChunks = 64;               // more than 15,000 connections

using SeeFn = absl::FunctionRef<void(const inet_diag_msg& connection)>;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

bool Ask(int fd, int family, uint16_t port, uint32_t states) {
  Request request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = states;
  request.body.id.idiag_sport = htons(port);
  return ::send(fd, &request, sizeof(request), 0) == sizeof(request);
}

enum class After { kMore, kEnd, kError };

// What is in one message.
After Take(const char* data, size_t size, uint16_t port, SeeFn see) {
  while (size >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, data, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size) break;
    if (header.nlmsg_type == NLMSG_DONE) return After::kEnd;
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return After::kError;
    inet_diag_msg found;
    if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof(found)) {
      std::memcpy(&found, data + NLMSG_HDRLEN, sizeof(found));
      if (found.id.idiag_sport == htons(port)) see(found);
    }
    const size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= size) break;
    data += step;
    size -= step;
  }
  return After::kMore;
}

// False unless all were seen.
bool SeeAll(uint16_t port, uint32_t states, SeeFn see) {
  bool all = true;
  std::vector<char> chunk(kChunk);
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd fd(::socket(AF_NETLINK,
                               SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                               NETLINK_SOCK_DIAG));
    After after = After::kError;
    if (fd.valid() && Ask(fd.get(), family, port, states)) {
      after = After::kMore;
    }
    for (int i = 0; i < kMaxChunks && after == After::kMore; ++i) {
      const ssize_t got = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
      after = got <= 0
                  ? After::kError
                  : Take(chunk.data(), static_cast<size_t>(got), port, see);
    }
    all = all && after == After::kEnd;
  }
  return all;
}

}  // namespace

std::vector<ino_t> AcceptedConnections(uint16_t port) {
  // Those that a process may still have open.
  constexpr uint32_t kOpen = 1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 |
                             1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT;
  std::vector<ino_t> inodes;
  SeeAll(port, kOpen, [&](const inet_diag_msg& connection) {
    // What nobody has accepted yet has none.
    if (connection.idiag_inode != 0) inodes.push_back(connection.idiag_inode);
  });
  return inodes;
}

std::optional<std::vector<uint64_t>> WaitingConnections(uint16_t port) {
  // In the others, what has no inode was closed by the server.
  constexpr uint32_t kWaiting = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT;
  std::vector<uint64_t> cookies;
  const bool all = SeeAll(port, kWaiting, [&](const inet_diag_msg& connection) {
    if (connection.idiag_inode != 0) return;
    const auto* cookie = connection.id.idiag_cookie;
    cookies.push_back(uint64_t{cookie[1]} << 32 | cookie[0]);
  });
  if (!all) return std::nullopt;
  std::sort(cookies.begin(), cookies.end());
  return cookies;
}

}  // namespace reinit
