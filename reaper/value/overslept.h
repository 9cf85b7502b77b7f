// Detects that this process stood still past a deadline.
#ifndef REINIT_REAPER_VALUE_OVERSLEPT_H_
#define REINIT_REAPER_VALUE_OVERSLEPT_H_

#include "absl/time/time.h"

namespace reinit {

// All of a container may stand still for a while (`docker pause`, a checkpoint,
// SIGSTOP, a host without breath), and deadlines pass that no process could
// meet. A sleeper that wakes this late was frozen, and so were those that it
// judges: a check that has not ended by its deadline is made again. A loop that
// is merely busy is late by much less. On the monotonic clock, which goes on
// meanwhile (and stands still, so that nothing has to be done, while the
// machine is suspended).
inline bool Overslept(absl::Time due, absl::Time now) {
  return now - due > absl::Milliseconds(500);
}

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_OVERSLEPT_H_
