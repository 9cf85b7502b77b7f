// Decides when to sweep, so that a change is found soon and 5 % of a processor
// are not exceeded.
#ifndef REINIT_SUPERVISOR_WATCH_SWEEP_PLAN_H_
#define REINIT_SUPERVISOR_WATCH_SWEEP_PLAN_H_

#include <algorithm>

#include "absl/time/time.h"
#include "supervisor/watch/pace.h"

namespace reinit {

// What looks use is a debt, which is paid off by 5 % of a processor. At rest a
// sweep waits until the one before is paid off (pace.h). For kEditing after a
// change sweeps are only a reload delay apart, from begin to begin, as long as
// the debt stays below kMaxDebt. It is paid off afterwards, while sweeps go on
// at half the rate. Above kMaxDebt there is no sweep at all. So any time T has
// at most 5 % of T, and once kMaxDebt, kReserve and a few sweeps: whoever finds
// a change sweeps once more when it has settled, as part of the same look.
//
// Folders in which something has changed in the last kRecent are looked at
// every reload delay, where a sweep of all would be too much for that. kReserve
// is theirs alone, so that sweeps leave them something.
//
// Pure: the owner has the clock, and times what it does. Costs are processor
// time.
class SweepPlan {
 public:
  static constexpr absl::Duration kMaxDebt = absl::Seconds(3);
  static constexpr absl::Duration kReserve = absl::Milliseconds(500);
  static constexpr absl::Duration kEditing = absl::Seconds(15);
  static constexpr absl::Duration kRecent = absl::Minutes(5);

  explicit SweepPlan(absl::Duration reload_delay)
      : pace_(reload_delay), delay_(pace_.delay()) {}

  // The first look at everything has come to its end.
  void Begin(absl::Time now) { sweep_ = recent_ = {now, now, {}}; }
  // A sweep of everything, or one of recently changed folders alone.
  void OnSweep(absl::Time begin, absl::Time end, absl::Duration cost);
  void OnRecent(absl::Time begin, absl::Time end, absl::Duration cost);
  void OnChange(absl::Time now) { changed_ = now; }

  // When the next of each is due; InfiniteFuture: recently changed folders need
  // no look of their own.
  absl::Time next() const;
  absl::Time next_recent() const;

  // At rest.
  const Pace& pace() const { return pace_; }

 private:
  struct Look {
    absl::Time begin = absl::InfinitePast();
    absl::Time end = absl::InfinitePast();
    absl::Duration cost;
  };
  void Spend(absl::Time now, absl::Duration cost);
  absl::Duration DebtAt(absl::Time now) const;
  // A reload delay later; and as long a pause as it took, however long that is.
  absl::Time Soon(const Look& look) const {
    return std::max(look.begin + delay_, look.end + look.cost);
  }

  Pace pace_;
  const absl::Duration delay_;
  absl::Duration debt_;
  absl::Time debt_at_ = absl::InfinitePast();
  bool borrowed_ = false;  // more than the sweep before is to be paid off
  Look sweep_;
  Look recent_;
  absl::Time changed_ = absl::InfinitePast();
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_SWEEP_PLAN_H_
