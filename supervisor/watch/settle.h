// When changes that go on are over.
#ifndef REINIT_SUPERVISOR_WATCH_SETTLE_H_
#define REINIT_SUPERVISOR_WATCH_SETTLE_H_

#include "absl/time/time.h"

namespace reinit {

// A burst of changes (a checkout, an editor's save) is one change: it is over
// after a quiet time without another, and at kMax after its first in any case,
// so that somebody who never stops writing does not starve it. Pure: the owner
// has the clock and looks for changes.
class Settle {
 public:
  static constexpr absl::Duration kMax = absl::Seconds(5);
  // Two writes within one tick of the file system's clock may leave the same
  // stamp. Whoever waits longer than a tick reports both as one.
  static constexpr absl::Duration kMin = absl::Milliseconds(10);

  explicit Settle(absl::Duration quiet);

  // A change, or one more. True for the first of a burst.
  bool OnChange(absl::Time now);

  bool active() const { return first_ != absl::InfiniteFuture(); }
  // When to look again, and if nothing new is found to ask Over; InfiniteFuture
  // when not active.
  absl::Time next() const;
  bool Over(absl::Time now) const { return active() && now >= next(); }
  // Over, and not to be put off by anything found now.
  bool OutOfTime(absl::Time now) const {
    return active() && now >= first_ + kMax;
  }

  // Since the last change of the burst, when active.
  absl::Duration Quiet(absl::Time now) const { return now - last_; }

  // Ends the burst; returns how long it took since its first change.
  absl::Duration Finish(absl::Time now);

 private:
  const absl::Duration quiet_;
  absl::Time first_ = absl::InfiniteFuture();
  absl::Time last_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_SETTLE_H_
