// Finds out whether a process serves the sockets that reinit holds.
#ifndef REINIT_SUPERVISOR_SOCKET_ACCEPT_WATCH_H_
#define REINIT_SUPERVISOR_SOCKET_ACCEPT_WATCH_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "supervisor/socket/listen_sockets.h"

namespace reinit {

// Looks in /proc whether some of the given processes would take a connection:
// an epoll instance of theirs has the socket, or a thread is blocked in accept,
// poll or select on it. One that is too busy to wait, since a connection is
// always there, has at least one that it has taken: that counts too (TCP). The
// server need not co-operate. A connection of ours would
// prove nothing: the queue takes it in any case, and of two generations either
// may answer.
//
// Reads /proc, and a bounded number of its files in one look; with more
// processes than that the next look goes on where this one ended. No state
// beyond that. Looks as the user of the process, which is enough for one that
// was started as that user. One that has changed its user itself, and executed
// nothing since, the kernel shows only to who has CAP_SYS_PTRACE.
class AcceptWatch {
 public:
  enum class Verdict {
    kServed,      // every socket
    kNotServed,   // not now: it may be a moment later
    kCannotTell,  // /proc does not show it, now or later
  };
  struct Answer {
    Verdict verdict = Verdict::kNotServed;
    // Of kNotServed: the first such socket, by name and address. Of
    // kCannotTell: why.
    std::string text;
    // Where the next look is to begin, if another AcceptWatch makes it.
    size_t next = 0;
  };

  explicit AcceptWatch(std::string proc = "/proc", size_t next = 0)
      : proc_(std::move(proc)), next_(next) {}

  // May hang, and closes copies of descriptors that are not ours: for a child.
  // A read of a process's memory, or of what its epoll instance has, waits for
  // a file system that the process waits for. Without sockets the answer is
  // kServed.
  Answer Look(absl::Span<const pid_t> pids,
              absl::Span<const ListenSockets::Id> sockets);

  // Whether the process has one of the sockets open; false also if that cannot
  // be told. Never hangs: reads only the links of /proc/PID/fd.
  bool Holds(pid_t pid, absl::Span<const ListenSockets::Id> sockets) const;

 private:
  struct Held;
  struct Round;

  void LookAt(pid_t pid, Round* round) const;
  static void FindHeld(int process, Round* round, Held* held);
  static void LookAtEpoll(int process, int epoll, const Held& held,
                          Round* round);
  static void LookAtThreads(int process, const Held& held, Round* round);
  static void LookAtSockets(pid_t pid, const Held& held, Round* round);
  static void LookAtConnections(Round* round);
  static void LookAtCall(int process, std::string_view text, const Held& held,
                         Round* round);

  const std::string proc_;
  size_t next_;  // where a look begins that follows one without an end
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_ACCEPT_WATCH_H_
