// Decides how often to sweep.
#ifndef REINIT_SUPERVISOR_WATCH_PACE_H_
#define REINIT_SUPERVISOR_WATCH_PACE_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace reinit {

// The reload delay, or longer where sweeps at that rate would use more than 5 %
// of a processor. Pure.
class Pace {
 public:
  // Of processor time; a delay of this many sweeps is 5 %.
  static constexpr int kSweepsPerDelay = 20;
  // A delay of zero would be a busy loop however cheap the sweep.
  static constexpr absl::Duration kMinDelay = absl::Milliseconds(10);

  explicit Pace(absl::Duration reload_delay)
      : reload_delay_(std::max(reload_delay, kMinDelay)) {}

  // `cost` is processor time. Smoothed, as one cold cache says little.
  void OnSweep(absl::Duration cost) {
    cost_ = cost_ == absl::ZeroDuration() ? cost : (cost_ * 3 + cost) / 4;
    const bool costly = cost * kSweepsPerDelay > reload_delay_ * 1.25;
    costly_in_a_row_ = costly ? costly_in_a_row_ + 1 : 0;
  }

  // From the end of one sweep to the start of the next.
  absl::Duration delay() const {
    return std::max(reload_delay_, cost_ * kSweepsPerDelay);
  }
  absl::Duration cost() const { return cost_; }
  // By more, and for longer, than the odd slow sweep would explain: worth a
  // line to the user.
  bool stretched() const { return costly_in_a_row_ >= 5; }

 private:
  const absl::Duration reload_delay_;
  absl::Duration cost_;
  int64_t costly_in_a_row_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_PACE_H_
