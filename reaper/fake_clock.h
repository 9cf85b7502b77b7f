// Keeps virtual time for tests.
#ifndef REINIT_REAPER_FAKE_CLOCK_H_
#define REINIT_REAPER_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "reaper/clock.h"

namespace reinit {

// Stands still until a test moves it. With it use EventLoop::Turn(false): a
// turn that may wait would wait in real time for a timer of this clock.
class FakeClock : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  void Advance(absl::Duration by) { now_ += by; }

 private:
  // Not the epoch, so that "some time ago" can be said from the start.
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1000);
};

}  // namespace reinit

#endif  // REINIT_REAPER_FAKE_CLOCK_H_
