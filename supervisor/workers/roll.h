// Decides which workers are replaced next when something has changed.
#ifndef REINIT_SUPERVISOR_WORKERS_ROLL_H_
#define REINIT_SUPERVISOR_WORKERS_ROLL_H_

#include <set>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace reinit {

// Replaces one worker first, the canary, and the others only once that one
// serves. A pure rule: the caller says how the workers are, and does what Next
// says. A value; its time is the loop's.
//
//   Idle    | Renew                          -> Canary
//   Canary  | the canary serves              -> Rest, for the monitor time
//           | it has failed                  -> Stopped
//           | Renew                          -> Canary, the same worker again
//   Rolling | those that were taken serve    -> Rest
//           | one of them has failed         -> Stopped
//           | Renew                          -> Canary, once they serve
//   Rest    | a replaced worker fails        -> Stopped
//           | the monitor time is over       -> Rolling, or Idle if none waits
//           | Renew                          -> Canary
//   Stopped | Renew                          -> Canary
//
// In Rolling no worker is taken while one that was replaced does not serve, or
// while a health check of the whole has not passed since the last start. A
// worker that does not serve anyway is taken before one that does, and then
// alone.
class Roll {
 public:
  struct Worker {
    int number = 0;
    bool waits = false;  // a change is kept for it
    bool works = false;  // it was given a change, and is not done yet
    bool serves = false;
    // What it was given has failed, and it does not try again: it has ended for
    // good, or its old process goes on.
    bool failed = false;
  };
  struct Step {
    std::vector<int> take;  // give these the change now
    absl::Time look_again = absl::InfiniteFuture();
  };

  // `parallelism`: how many are replaced at a time, but for the canary.
  Roll(int parallelism, absl::Duration monitor)
      : parallelism_(parallelism), monitor_(monitor) {}

  // There is a newer change, which all workers wait for.
  void Renew();
  // To be called whenever a worker or `well` has moved, and at `look_again`.
  // `workers` are in the order of their numbers; `well`: what judges all of
  // them says that they serve.
  Step Next(absl::Span<const Worker> workers, bool well, absl::Time now);

  bool under_way() const { return state_ != State::kIdle; }
  // A replaced worker has failed: the others wait for a newer change.
  bool stopped() const { return state_ == State::kStopped; }

 private:
  enum class State { kIdle, kCanary, kRolling, kRest, kStopped };

  void Finish(absl::Span<const Worker> workers, absl::Time now);
  std::vector<int> Take(absl::Span<const Worker> workers, int most);

  int parallelism_;
  absl::Duration monitor_;
  State state_ = State::kIdle;
  bool renewed_ = false;    // the next step is a canary
  std::set<int> taken_;     // in the step that is under way
  std::set<int> replaced_;  // since the canary
  absl::Time rests_until_ = absl::InfinitePast();
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_ROLL_H_
