// Connections that have come in by a port.
#ifndef REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_
#define REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace reinit {

// The inodes of open TCP connections with this local port that somebody has
// accepted, as the kernel tells them of our network namespace (sock_diag(7));
// empty where it does not. At most some thousand of them. The kernel looks
// through its table of connections for it, which takes up to some ms; nothing
// is waited for.
std::vector<ino_t> AcceptedConnections(uint16_t port);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_CONNECTIONS_H_
