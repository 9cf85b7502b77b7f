// Runs one health check, from beginning to end.
#ifndef REINIT_SUPERVISOR_PROBE_CHECK_H_
#define REINIT_SUPERVISOR_PROBE_CHECK_H_

#include "absl/time/time.h"
#include "supervisor/probe/check_run.h"
#include "supervisor/probe/target.h"

namespace reinit {

// Runs one http or tcp check and waits for its end, `timeout` at most (and a
// moment more to let the server finish its answer). For `reinit probe URL`, not
// for PID 1. An exec target fails with a text that says so.
CheckResult RunCheck(const ProbeTarget& target, const ExpectedStatus& expected,
                     absl::Duration timeout);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_CHECK_H_
