// Decides when a burst of changes is over.
#ifndef REINIT_SUPERVISOR_WATCH_SETTLE_H_
#define REINIT_SUPERVISOR_WATCH_SETTLE_H_

#include "absl/time/time.h"

namespace reinit {

// A burst of changes (a checkout, an editor's save) is one change: it is over
// after a quiet time without another, and at kMax after its first in any case,
// so that somebody who never stops writing does not starve it. Pure: the owner
// has the clock and looks for changes.
//
// Where it adapts, a burst that is one finished save (OnSave), and that came
// after a calm second, is over kQuick after the save. Whatever comes meanwhile
// makes it wait for the whole quiet time from then on. If a change follows such
// an early end within the quiet time, the guess was wrong: a tool saves several
// files at that pace. Then nothing is over early for kDistrust, so such a tool
// costs one more start and not one for each file.
class Settle {
 public:
  static constexpr absl::Duration kMax = absl::Seconds(5);
  // Where file stamps are coarse, two writes within one tick of the file
  // system's clock may leave the same stamp. Whoever waits longer than a tick
  // reports both as one.
  static constexpr absl::Duration kMin = absl::Milliseconds(10);
  static constexpr absl::Duration kQuick = absl::Milliseconds(10);
  static constexpr absl::Duration kCalm = absl::Seconds(1);
  static constexpr absl::Duration kDistrust = absl::Minutes(1);

  // `adapts`: see above; else every burst waits for `quiet`.
  explicit Settle(absl::Duration quiet, bool adapts = false);

  // Each write after a look leaves another stamp (stamp_clock.h): then kMin is
  // not needed.
  void SetFineStamps(bool fine) { least_ = fine ? absl::ZeroDuration() : kMin; }

  // A change, or one more. True for the first of a burst.
  bool OnChange(absl::Time now);
  // After each look of a burst, and after its OnChange: whether all that is
  // known of it is one finished save of one file.
  void OnSave(bool finished, absl::Time now);

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
  absl::Duration quiet() const;

  const absl::Duration quiet_;
  const bool adapts_;
  absl::Duration least_ = kMin;
  absl::Time first_ = absl::InfiniteFuture();
  absl::Time last_ = absl::InfinitePast();
  // From when on the quiet time counts: the last change, or that a save turned
  // out to be more.
  absl::Time since_ = absl::InfinitePast();
  absl::Time saved_ = absl::InfiniteFuture();  // when it was one finished save
  absl::Time trusts_ = absl::InfinitePast();   // from when a burst may be one
  bool early_ = false;  // the burst before was over early
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_SETTLE_H_
