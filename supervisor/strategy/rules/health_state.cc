#include "supervisor/strategy/rules/health_state.h"

#include <algorithm>
#include <utility>

namespace reinit {

void HealthState::Begin(absl::Time now) {
  began_ = now;
  next_ = now;
  ever_passed_ = false;
  failures_ = 0;
}

HealthState::Verdict HealthState::OnResult(absl::Time now, bool passed) {
  if (passed) {
    failures_ = 0;
    next_ = now + options_->interval;
    return std::exchange(ever_passed_, true) ? Verdict::kNothing
                                             : Verdict::kFirstSuccess;
  }
  next_ = now + (ever_passed_ ? options_->interval
                              : std::min(options_->interval, kStartInterval));
  if (!ever_passed_ && now - began_ < options_->start_period) {
    return Verdict::kNothing;
  }
  if (++failures_ < options_->retries) return Verdict::kFailing;
  failures_ = 0;
  return Verdict::kUnhealthy;
}

}  // namespace reinit
