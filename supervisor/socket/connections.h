// Lists the connections that have come in by a port.
#ifndef REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_
#define REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace reinit {

// The inodes of open TCP connections with this local port that somebody has
// accepted, as the kernel tells them of our network namespace (sock_diag(7));
// empty where it does not. At most some 15,000 of them. The kernel looks
// through its table of connections for it, which takes some ms, and up to 20
// for so many; nothing is waited for.
std::vector<ino_t> AcceptedConnections(uint16_t port);

// The kernel's numbers (cookies) of those that nobody has accepted yet, sorted;
// a number is never used again. Nothing if the kernel does not tell all. One
// that its client has reset is none any more, though the length of the queue
// still counts it. Costs as much.
std::optional<std::vector<uint64_t>> WaitingConnections(uint16_t port);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_
