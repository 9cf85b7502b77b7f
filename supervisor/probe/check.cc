#include "supervisor/probe/check.h"

#include <poll.h>

#include "reaper/clock.h"
#include "supervisor/poll_timeout.h"

namespace reinit {

CheckResult RunCheck(const ProbeTarget& target, const ExpectedStatus& expected,
                     absl::Duration timeout) {
  if (!target.IsForHelper()) {
    return {false, "not a network check"};
  }
  if (target.kind == ProbeTarget::Kind::kFile) {
    return {false, "a file check compares several looks: only for --health"};
  }
  const MonotonicClock clock;
  CheckRun run(&target, &expected, timeout, clock.Now());
  while (!run.finished()) {
    pollfd wanted = run.Wanted();
    const int ready = ::poll(&wanted, 1, PollTimeout(run.wake() - clock.Now()));
    run.Step(ready > 0, clock.Now());
  }
  return run.result();
}

}  // namespace reinit
