// Waits for descriptors.
#ifndef REINIT_REAPER_POLL_FOR_H_
#define REINIT_REAPER_POLL_FOR_H_

#include <poll.h>

#include <algorithm>
#include <ctime>

#include "absl/time/time.h"

namespace reinit {

// What ppoll takes for a finite wait: not negative, and a day at most, since a
// caller that wakes early looks again.
inline timespec PollTime(absl::Duration left) {
  return absl::ToTimespec(
      std::clamp(left, absl::ZeroDuration(), absl::Hours(24)));
}

// poll(2) with a duration: poll's whole milliseconds would have to be rounded
// up, or a loop would spin in the last one. Infinite `left`: for ever.
inline int PollFor(pollfd* polled, nfds_t count, absl::Duration left) {
  const timespec time = PollTime(left);
  return ::ppoll(polled, count,
                 left == absl::InfiniteDuration() ? nullptr : &time, nullptr);
}

}  // namespace reinit

#endif  // REINIT_REAPER_POLL_FOR_H_
