// Refuses descriptors that a peer attaches to a message (SCM_RIGHTS).
#ifndef REINIT_REAPER_PASSED_RIGHTS_H_
#define REINIT_REAPER_PASSED_RIGHTS_H_

#include <sys/types.h>

#include <cstddef>

#include "reaper/unique_fd.h"

namespace reinit {

// Why PID 1 must not even close such a descriptor: close() flushes a file,
// which waits for its file system, and the last close() of a TCP socket with
// SO_LINGER waits for its peer. A message that is received without room for
// its descriptors is no way out: the kernel lets go of them before recvmsg()
// returns, in the process that called it.
//
// Makes a unix socket refuse messages with descriptors (SO_PASSRIGHTS, Linux
// 6.16), or take them again: the sender gets EPERM. Connections that a
// listening socket accepts refuse them as well. Returns 0 or errno: ENOPROTOOPT
// before Linux 6.16, where the kernel closes in this process what a peer sends.
// So only peers that may kill this process anyway can be given such a socket:
// root, the same user, and reinit's helpers.
int RefuseRights(int socket, bool refuse = true);

// In a child that `parent` has just forked: takes one message from `socket`,
// which lets go of its descriptors here, and stops this process until it is
// killed. Never returns.
[[noreturn]] void ReceiveRightsAndStop(int socket, pid_t parent);

// In a child that `parent` has just forked: waits for SIGKILL, with all that
// this process has open. Never returns.
[[noreturn]] void HoldUntilKilled(pid_t parent);

// Lets go of a socket when this process is about to exit. Close() of a unix
// socket also closes the descriptors in messages, and in connections, that
// nothing has taken; so a unix socket stays open, and its end comes with the
// exit, where no SO_LINGER counts. Any other socket is closed.
void LeaveToExit(UniqueFd socket);

// The most descriptors that the kernel lets a sender attach to one message.
inline constexpr size_t kMostRights = 253;

}  // namespace reinit

#endif  // REINIT_REAPER_PASSED_RIGHTS_H_
