#include "supervisor/socket/connections.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "reaper/unique_fd.h"

namespace reinit {
namespace {

constexpr size_t kChunk = size_t{32} << 10;  // the most that the kernel gives
constexpr int kMaxChunks = 16;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

bool Ask(int fd, int family, uint16_t port) {
  Request request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = static_cast<uint8_t>(family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  // Those that a process may still have open.
  request.body.idiag_states = 1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 |
                              1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT;
  request.body.id.idiag_sport = htons(port);
  return ::send(fd, &request, sizeof(request), 0) == sizeof(request);
}

// Adds what is in one message; false at the end of all.
bool Take(const char* data, size_t size, uint16_t port,
          std::vector<ino_t>* inodes) {
  while (size >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, data, sizeof(header));
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size) break;
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return false;
    inet_diag_msg found;
    if (header.nlmsg_len >= NLMSG_HDRLEN + sizeof(found)) {
      std::memcpy(&found, data + NLMSG_HDRLEN, sizeof(found));
      // What nobody has accepted yet has none.
      const bool accepted = found.idiag_inode != 0;
      if (accepted && found.id.idiag_sport == htons(port)) {
        inodes->push_back(found.idiag_inode);
      }
    }
    const size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= size) break;
    data += step;
    size -= step;
  }
  return true;
}

}  // namespace

std::vector<ino_t> AcceptedConnections(uint16_t port) {
  std::vector<ino_t> inodes;
  std::vector<char> chunk(kChunk);
  for (const int family : {AF_INET, AF_INET6}) {
    const UniqueFd fd(::socket(AF_NETLINK,
                               SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                               NETLINK_SOCK_DIAG));
    if (!fd.valid() || !Ask(fd.get(), family, port)) continue;
    for (int i = 0; i < kMaxChunks; ++i) {
      const ssize_t got = ::recv(fd.get(), chunk.data(), chunk.size(), 0);
      if (got <= 0) break;
      if (!Take(chunk.data(), static_cast<size_t>(got), port, &inodes)) break;
    }
  }
  return inodes;
}

}  // namespace reinit
