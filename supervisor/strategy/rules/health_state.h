// Decides when a health check runs, and what its results mean: Docker's rules.
#ifndef REINIT_SUPERVISOR_STRATEGY_RULES_HEALTH_STATE_H_
#define REINIT_SUPERVISOR_STRATEGY_RULES_HEALTH_STATE_H_

#include "absl/time/time.h"
#include "supervisor/options.h"

namespace reinit {

// One check of one instance. Pure: the owner runs the checks and keeps time.
//
// The first check runs at once, then one every kStartInterval until the first
// success, then one every interval, counted from the end of the one before.
// Failures within the start period do not count while no check has ever
// succeeded; `retries` failures in a row that do count make it unhealthy.
class HealthState {
 public:
  enum class Verdict {
    kNothing,
    kFirstSuccess,
    kFailing,    // a failure that counted, not yet enough of them
    kUnhealthy,  // enough of them; counting begins anew
  };

  // `options` is borrowed for the life of this object.
  explicit HealthState(const HealthOptions* options) : options_(options) {}

  // A new instance runs since `now`: everything is forgotten.
  void Begin(absl::Time now);

  Verdict OnResult(absl::Time now, bool passed);

  // When to start the next check.
  absl::Time next() const { return next_; }
  bool ever_passed() const { return ever_passed_; }
  int failures() const { return failures_; }

  static constexpr absl::Duration kStartInterval = absl::Milliseconds(500);

 private:
  const HealthOptions* options_;
  absl::Time began_;
  absl::Time next_ = absl::InfiniteFuture();
  bool ever_passed_ = false;
  int failures_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_RULES_HEALTH_STATE_H_
