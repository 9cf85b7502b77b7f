// Tells a process which of its descriptors are which sockets.
#ifndef REINIT_SUPERVISOR_SOCKET_PASSED_SOCKETS_H_
#define REINIT_SUPERVISOR_SOCKET_PASSED_SOCKETS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "supervisor/socket/listen_spec.h"

namespace reinit {

struct PassedSocket {
  std::string name;
  std::string address;  // HOST:PORT or a path; empty where it has none
  int port = 0;         // 0: none
};

// Pure functions over the sockets in the order of their descriptors.

// `environment` with what tells of `sockets`, in place of what told of others:
// the entries of each form, and LISTEN_* in any case. LISTEN_PID gets `self`:
// the spawn makes the child's pid of that, which is not known yet.
std::vector<std::string> WithSockets(std::vector<std::string> environment,
                                     absl::Span<const PassedSocket> sockets,
                                     absl::Span<const ListenForm> forms,
                                     pid_t self);

// `environment` without LISTEN_FDS and its like.
std::vector<std::string> WithoutListenEntries(
    std::vector<std::string> environment);

// `arguments` with {fd:NAME} and {port:NAME} filled in. What names no socket,
// or the port of one that has none, stays as it is.
std::vector<std::string> FillPlaceholders(
    std::vector<std::string> arguments, absl::Span<const PassedSocket> sockets);

// A line for each of those that stay, with the names that would do. But for one
// behind a `$`, which is a shell's: ${port:-80}.
std::vector<std::string> UnknownPlaceholders(
    absl::Span<const std::string> arguments,
    absl::Span<const PassedSocket> sockets);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_PASSED_SOCKETS_H_
