#include "supervisor/probe/check.h"

#include <poll.h>

#include "reaper/clock.h"
#include "reaper/poll_for.h"

namespace reinit {

CheckResult RunCheck(const ProbeTarget& target, const ExpectedStatus& expected,
                     absl::Duration timeout) {
  if (const auto why = target.scheme().not_for_probe; !why.empty()) {
    return {false, std::string(why)};
  }
  const MonotonicClock clock;
  CheckRun run(&target, &expected, timeout, clock.Now());
  while (!run.finished()) {
    pollfd wanted = run.Wanted();
    const int ready = PollFor(&wanted, 1, run.wake() - clock.Now());
    run.Step(ready > 0, clock.Now());
  }
  return run.result();
}

}  // namespace reinit
