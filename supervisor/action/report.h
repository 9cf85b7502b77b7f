// Reports the result of an action to the log and to its caller.
#ifndef REINIT_SUPERVISOR_ACTION_REPORT_H_
#define REINIT_SUPERVISOR_ACTION_REPORT_H_

#include <string_view>

#include "absl/status/status.h"
#include "reaper/log.h"
#include "supervisor/reason.h"

namespace reinit {

// "reload: a.conf (SIGHUP: sent)", or "reload failed: ..." as a warning.
// `action` is what was done, `how` what came of it. Returns both as an error if
// it was not applied.
absl::Status ReportAction(Log* log, const Reason& reason,
                          std::string_view action, bool applied,
                          std::string_view how);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_REPORT_H_
