#include "supervisor/value/backoff.h"

#include <algorithm>

namespace reinit {

absl::Duration Backoff::Take(double spread) {
  const absl::Duration delay = next_ * (0.9 + 0.2 * spread);
  next_ = std::min(next_ * 2, max_);
  return delay;
}

int StartLimit::Used(absl::Time now) const {
  return static_cast<int>(
      std::count_if(taken_.begin(), taken_.end(),
                    [&](absl::Time time) { return now - time < interval_; }));
}

bool StartLimit::Take(absl::Time now) {
  if (burst_ == 0) return true;
  taken_.erase(
      std::remove_if(taken_.begin(), taken_.end(),
                     [&](absl::Time time) { return now - time >= interval_; }),
      taken_.end());
  if (static_cast<int>(taken_.size()) >= burst_) return false;
  taken_.push_back(now);
  return true;
}

}  // namespace reinit
