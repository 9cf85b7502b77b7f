// Computes how long to wait before a restart, and when to give up.
#ifndef REINIT_SUPERVISOR_VALUE_BACKOFF_H_
#define REINIT_SUPERVISOR_VALUE_BACKOFF_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace reinit {

// The delay before the next restart: doubles from `first` to `max`, spread by
// +-10 % so that a fleet does not restart in step. Pure but for its counter.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration max)
      : first_(first), max_(max), next_(first) {}

  // `spread` is a random number in [0, 1).
  absl::Duration Take(double spread);
  void Reset() { next_ = first_; }

 private:
  absl::Duration first_;
  absl::Duration max_;
  absl::Duration next_;
};

// At most `burst` restarts in any stretch of `interval` (systemd's words).
class StartLimit {
 public:
  // A burst of 0 means no limit; an infinite interval never forgets.
  StartLimit(int burst, absl::Duration interval)
      : burst_(burst), interval_(interval) {}

  // Counts a restart at `now`; false, and not counted, if it is one too many.
  bool Take(absl::Time now);
  void Reset() { taken_.clear(); }

  // Restarts that count at `now`.
  int Used(absl::Time now) const;
  int burst() const { return burst_; }

 private:
  int burst_;
  absl::Duration interval_;
  std::vector<absl::Time> taken_;  // at most burst_
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_BACKOFF_H_
