// Plans one restart: why, how soon, and whether the limit allows it.
#ifndef REINIT_SUPERVISOR_RUN_RESTART_PLAN_H_
#define REINIT_SUPERVISOR_RUN_RESTART_PLAN_H_

#include <functional>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "supervisor/options.h"
#include "supervisor/reason.h"
#include "supervisor/run/restart_history.h"
#include "supervisor/status.h"
#include "supervisor/value/backoff.h"

namespace reinit {

// One restart that is planned. Outside of RestartPlan, so that clang can
// construct it there.
struct PlannedRestart {
  Reason reason;
  std::function<void(const absl::Status&)> done;  // may be empty
  absl::Duration delay;
  absl::Time began;
  int replaces = 0;  // generation
  std::optional<absl::Duration> stopped_after;
};

// At most one restart is planned, from its decision until the new process runs.
// Failures and retries are delayed and use up the restart limit; a new reload
// resets both. Values alone: the owner, the Runner, has the clock and the
// timer.
//
//   none    | Make             -> planned; over the limit: none
//   planned | Make             -> planned, for the new reason; what waited for
//           |                     the old one waits on, unless the new one
//           |                     brings its own; over the limit: as it is
//           | Again            -> planned, with a delay; over the limit: as it
//           |                     is
//           | Postpone         -> planned, with a delay
//           | TellFailed       -> as it is; what waits for it is told
//           | Finish, Drop     -> none
class RestartPlan {
 public:
  using OnDone = std::function<void(const absl::Status&)>;
  using Planned = PlannedRestart;

  // `random` gives numbers in [0, 1) and is borrowed.
  RestartPlan(const RestartOptions& options,
              const std::function<double()>* random)
      : backoff_(options.delay, options.delay_max),
        limit_(options.limit_burst, options.limit_interval),
        random_(random) {}

  // False if the restart limit is reached. `stable`: the last process ran for
  // --restart-reset, so delays start short again.
  bool Make(const Reason& reason, OnDone done, bool stable, int replaces,
            absl::Time now);
  // What is planned has failed and is tried again later. False if the restart
  // limit is reached.
  bool Again(absl::Time now);
  // Like Again, but the limit does not count it.
  void Postpone(absl::Time now);
  // Resets the delays and the limit.
  void Forgive();

  // The restart is done: notes it in the history and returns it.
  std::optional<Planned> Finish(absl::Time now);
  // The restart will not be done: tells the change that waits. Drop follows.
  void TellFailed(std::string_view why);
  void Drop() { planned_.reset(); }
  // No change waits for it any more.
  void DropWaiter() {
    if (planned_.has_value()) planned_->done = nullptr;
  }
  void OnStopped(absl::Time now) {
    if (planned_.has_value()) planned_->stopped_after = now - planned_->began;
  }

  // Null: none.
  const Planned* get() const {
    return planned_.has_value() ? &*planned_ : nullptr;
  }
  const Planned* operator->() const { return &*planned_; }
  bool has_value() const { return planned_.has_value(); }
  const Reason* reason() const {
    return planned_.has_value() ? &planned_->reason : nullptr;
  }
  // A change waits for it.
  bool awaited() const { return planned_.has_value() && planned_->done; }
  bool for_failure() const {
    return planned_.has_value() && planned_->reason.IsFailure();
  }

  const RestartHistory& history() const { return history_; }
  const StartLimit& limit() const { return limit_; }
  // Fills in the restarts so far and what is left of the limit.
  void Describe(absl::Time now, Status* status) const;

 private:
  std::optional<Planned> planned_;
  Backoff backoff_;
  StartLimit limit_;
  RestartHistory history_;
  const std::function<double()>* const random_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_RESTART_PLAN_H_
