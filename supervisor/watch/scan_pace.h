// Decides how often the safety scan is made.
#ifndef REINIT_SUPERVISOR_WATCH_SCAN_PACE_H_
#define REINIT_SUPERVISOR_WATCH_SCAN_PACE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "supervisor/watch/pace.h"

namespace reinit {

// As often as the user said, and below 5 % of a processor (pace.h). Where
// nothing is to be expected of it, by default less often: so that it takes
// 0.05 %, and once in kMax at least. That is 30 s for some 10,000 files, and 5
// minutes for 100,000. Pure.
class ScanPace {
 public:
  // A delay of this many scans is 0.05 %.
  static constexpr int kScansPerDelay = 2000;
  static constexpr absl::Duration kMax = absl::Hours(1);

  // `adapts`: the user has left it to us.
  ScanPace(absl::Duration every, bool adapts) : pace_(every), adapts_(adapts) {}

  // `cost` is processor time.
  void OnScan(absl::Duration cost) { pace_.OnSweep(cost); }
  // A change was found that nothing had announced: there may be more.
  void OnSilent() { adapts_ = false; }

  // From the end of one scan to the start of the next. `all_announced`: every
  // watched file system announces what is changed there.
  absl::Duration delay(bool all_announced) const {
    if (!adapts_ || !all_announced) return pace_.delay();
    return std::max(pace_.delay(),
                    std::min(pace_.cost() * kScansPerDelay, kMax));
  }

 private:
  Pace pace_;
  bool adapts_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_SCAN_PACE_H_
