// Tells the time as the process sees it: monotonic, so that a clock set back or
// forward changes nothing.
#ifndef REINIT_REAPER_CLOCK_H_
#define REINIT_REAPER_CLOCK_H_

#include <ctime>

#include "absl/time/time.h"

namespace reinit {

// Seam for tests: timers, backoff and health run on virtual time there.
class Clock {
 public:
  virtual ~Clock() = default;

  // An instant on the monotonic time line. Only differences have a meaning; it
  // is not the time of day.
  virtual absl::Time Now() const = 0;
};

class MonotonicClock : public Clock {
 public:
  absl::Time Now() const override {
    timespec now;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return absl::TimeFromTimespec(now);
  }
};

}  // namespace reinit

#endif  // REINIT_REAPER_CLOCK_H_
