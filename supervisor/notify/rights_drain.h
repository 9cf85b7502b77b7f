// Takes messages with descriptors out of the notify socket.
#ifndef REINIT_SUPERVISOR_NOTIFY_RIGHTS_DRAIN_H_
#define REINIT_SUPERVISOR_NOTIFY_RIGHTS_DRAIN_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"

namespace reinit {

// A descriptor that a stranger sends can hang whoever closes it (see
// reaper/passed_rights.h), and BARRIER=1 waits for that close. So PID 1 only
// peeks at a message; one that has descriptors is taken by a short-lived child
// (Os::ForkToReceive), and no such descriptor is ever in PID 1's table, where a
// fork would copy it as well.
//
// One message at a time, so a flood costs one fork a turn. The child stops
// itself once it has the message, which is the event upon which PID 1 kills it
// and reads on. Its exit closes the descriptors: a TCP socket then does not
// linger, but a file whose file system hangs holds the child in the kernel.
//
// With kMostEnding children that do not end, the next message waits; two
// seconds later descriptors are refused at the socket (from then on BARRIER=1
// fails with EPERM at its sender) until all these children have ended. What was
// queued before that is still taken, so there are at most kMostEnding children
// and one for each message of a full queue (net.unix.max_dgram_qlen). Linux
// before 6.16 cannot refuse: there the socket is not read until one of the
// children has ended. Either is a warning, once.
//
// Owned by the NotifySocket, on the loop's thread. Destroying it kills the
// child at work and leaves those that end to themselves.
class RightsDrain {
 public:
  // `on_taken` is called when the first message of the queue may be another
  // one; `socket` is borrowed.
  RightsDrain(const Context& context, int socket,
              std::function<void()> on_taken);
  ~RightsDrain();
  RightsDrain(const RightsDrain&) = delete;
  RightsDrain& operator=(const RightsDrain&) = delete;

  // Has the first message of the queue taken. To be called when not busy.
  void Take();
  // While it is, the socket must not be touched: the same message could be
  // read twice, or closed here.
  bool busy() const { return busy_; }

  static constexpr size_t kMostEnding = 4;
  // How long a child may take to get the message, and to end.
  static constexpr absl::Duration kPatience = absl::Seconds(2);

 private:
  bool Full() const;
  void Try();
  void OnStop(pid_t pid);
  void OnEnd(pid_t pid);
  void OnTimer();
  void Refuse();
  void Done();

  const Context context_;
  const int socket_;
  const std::function<void()> on_taken_;
  bool busy_ = false;
  pid_t pid_ = 0;              // at work
  bool killed_ = false;        // the one at work, which was too slow
  std::vector<pid_t> ending_;  // they have taken theirs, and are killed
  bool can_refuse_ = true;     // as far as it was tried
  bool refused_ = false;
  bool told_ = false;
  EventLoop::Timer timer_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_RIGHTS_DRAIN_H_
