// Decides about a new process that is brought up next to the old one
// (--restart-order=start-first).
#ifndef REINIT_SUPERVISOR_RUN_REPLACEMENT_H_
#define REINIT_SUPERVISOR_RUN_REPLACEMENT_H_

#include <functional>
#include <string_view>

#include "supervisor/change/changes.h"
#include "supervisor/change/outcomes.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/reason.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/last_end.h"
#include "supervisor/run/restart_plan.h"

namespace reinit {

// The old process is stopped once the new one is ready, or when reinit gives
// up. Until then:
//
//   a failure of the new one      -> rolled back: the old one goes on, and the
//                                    start is retried, or given up
//   a newer change that restarts  -> superseded: the new one is stopped, and
//                                    the next start comes once it has gone
//   any other newer change        -> queued
//   a newer change, after five    -> queued until the new one is ready or has
//     that were superseded           failed
//
// There are never three. Owned by the Runner, on its thread.
class Replacement {
 public:
  struct Parts {
    InstancePair* pair;
    RestartPlan* plan;
    Changes* changes;
    Outcomes* outcomes;
    LastEnd* last_end;
  };
  struct Hooks {
    std::function<void()> moved;  // the processes have changed places
    std::function<void()> again;  // something may be possible again
    std::function<void()> start_if_due;
    std::function<void(std::string_view why)> give_up;
  };

  // `options` and all parts are borrowed.
  Replacement(const Context& context, const Options* options,
              const Parts& parts, Hooks hooks)
      : context_(context),
        options_(options),
        parts_(parts),
        hooks_(std::move(hooks)) {}

  // Whether a newer change may stop a new process that is not ready yet.
  bool MaySupersede() const;
  // A strategy gave `reason` during the overlap: rolls back, supersedes or
  // queues.
  void Judge(const Reason& reason);
  // A newer change takes the place of the planned one: logs that, before the
  // plan is changed. Withdraw has to follow it.
  void Supersede(const Reason& reason);
  // The old process goes on and the new one is stopped.
  void Withdraw();
  // Reinstates the old process, plans a retry, then stops the new one. At the
  // limit a failure gives up, which stops the old process too. `why` is for
  // the log.
  void RollBack(std::string_view why);
  // Plans the failed start again. At the limit a failure gives up, and any
  // other reason is dropped: the old process runs on.
  void Retry(std::string_view why);
  // The new process has taken over.
  void OnTakenOver() { superseded_ = 0; }
  // The old process was kept because its successor died early; it may end now.
  void EndProbation(int newest_generation);

 private:
  void Reinstate();
  void StopNewOne();
  void LogFailed(LogLevel level, std::string_view line, std::string_view why);

  const Context context_;
  const Options* const options_;
  const Parts parts_;
  const Hooks hooks_;
  int superseded_ = 0;  // in a row
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_REPLACEMENT_H_
