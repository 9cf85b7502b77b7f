// Checks whether a process has stopped taking the connections that wait for it.
#ifndef REINIT_SUPERVISOR_STRATEGY_STALL_CHECK_H_
#define REINIT_SUPERVISOR_STRATEGY_STALL_CHECK_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "supervisor/context.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// One `stall:` check: looks at the queues of the held sockets and at the
// processor time of the process, and asks nobody anything. It fails when
// connections have waited at a socket for all of `timeout`, none was taken, and
// the processes of the instance together have used less than one hundredth of
// a processor: one that is merely busy or slow, with however long a queue,
// passes. That one was taken is seen in the queue alone, whoever took it and
// with no rights over them: it is shorter, or a connection that waited is gone
// from it. What cannot be told passes. A timeout during which all of us stood
// still begins anew.
//
// Owned by the HealthStrategy, on its thread. Destroying it ends it without a
// word.
class StallCheck {
 public:
  using QueuesFn = std::function<std::vector<ListenSockets::Queue>()>;
  // Called once; may not destroy the check.
  using OnDone = absl::AnyInvocable<void(bool passed, std::string_view text)>;

  StallCheck(const Context& context, const InstanceView& view, QueuesFn queues,
             absl::Duration timeout, OnDone on_done);

  void Start();

 private:
  void Look();
  std::map<pid_t, absl::Duration> TimesUsed() const;
  absl::Duration Used() const;

  const Context context_;
  const InstanceView view_;
  const QueuesFn queues_;
  const absl::Duration timeout_;
  OnDone on_done_;
  EventLoop::Timer timer_;
  absl::Time began_;
  // Those at which nobody has been seen to take anything yet, as they were at
  // the last look.
  std::vector<ListenSockets::Queue> stalled_;
  std::map<pid_t, absl::Duration> before_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_STALL_CHECK_H_
