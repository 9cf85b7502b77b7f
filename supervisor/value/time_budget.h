// Bounds the share of time that one kind of work may take.
#ifndef REINIT_SUPERVISOR_VALUE_TIME_BUDGET_H_
#define REINIT_SUPERVISOR_VALUE_TIME_BUDGET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace reinit {

// At most kShare of each kSpan, and what was begun by then. Pure values.
class TimeBudget {
 public:
  static constexpr absl::Duration kSpan = absl::Milliseconds(100);
  static constexpr absl::Duration kShare = absl::Milliseconds(20);

  static constexpr absl::Duration kMaxRest = absl::Seconds(1);

  // Something was done from `began` to `now`. Returns how long to pause before
  // more of it is done; zero: not at all.
  absl::Duration Spend(absl::Time began, absl::Time now) {
    if (began >= span_began_ + kSpan) {
      span_began_ = began;
      spent_ = absl::ZeroDuration();
    }
    spent_ += now - began;
    if (spent_ < kShare) return absl::ZeroDuration();
    // One that took longer than a span rests in proportion, but not for what
    // may have been a freeze.
    const absl::Time until =
        span_began_ + kSpan * absl::FDivDuration(spent_, kShare);
    return std::clamp(until - now, absl::ZeroDuration(), kMaxRest);
  }

 private:
  absl::Time span_began_ = absl::InfinitePast();
  absl::Duration spent_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_TIME_BUDGET_H_
