// Applies a change by a signal to the process.
#ifndef REINIT_SUPERVISOR_ACTION_SIGNAL_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_SIGNAL_ACTION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "supervisor/action/action.h"
#include "supervisor/context.h"

namespace reinit {

// Sent is applied, unless the process says when it is: then, as systemd's
// Type=notify-reload has it, RELOADING=1 (begun after the signal) and READY=1
// are awaited.
class SignalAction : public Action {
 public:
  // Not OK: not sent, and why.
  using Send = std::function<absl::Status(int signo)>;

  // `timeout` for the answer; zero: none is awaited.
  SignalAction(const Context& context, int signo, absl::Duration timeout,
               Send send);

  void Apply(const Reason& reason, OnDone done) override;
  void OnNotify(const NotifyMessage& message) override;
  void OnGone() override;
  void Cancel() override;

 private:
  enum class Awaits { kNothing, kReloading, kReady };

  void OnLate();
  void Finish(bool applied, std::string_view how);

  const Context context_;
  const int signo_;
  const absl::Duration timeout_;
  const Send send_;
  EventLoop::Timer late_;
  Awaits awaits_ = Awaits::kNothing;
  bool undated_ = false;  // RELOADING=1 came without a time
  absl::Time sent_;
  Reason reason_;
  OnDone done_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_SIGNAL_ACTION_H_
