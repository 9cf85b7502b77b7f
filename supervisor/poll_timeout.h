// From a duration to poll's milliseconds.
#ifndef REINIT_SUPERVISOR_POLL_TIMEOUT_H_
#define REINIT_SUPERVISOR_POLL_TIMEOUT_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace reinit {

// Rounded up, else a loop would spin in the last millisecond; -1 (for ever) for
// an infinite one; a day at most, since whoever wakes early only looks again.
inline int PollTimeout(absl::Duration left) {
  if (left == absl::InfiniteDuration()) return -1;
  const absl::Duration bounded =
      std::clamp(left, absl::ZeroDuration(), absl::Hours(24));
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_POLL_TIMEOUT_H_
