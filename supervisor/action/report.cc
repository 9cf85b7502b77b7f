#include "supervisor/action/report.h"

#include "absl/strings/str_cat.h"

namespace reinit {

absl::Status ReportAction(Log* log, const Reason& reason,
                          std::string_view action, bool applied,
                          std::string_view how) {
  log->Event(applied ? LogLevel::kInfo : LogLevel::kWarning,
             applied ? "applied" : "apply_failed",
             absl::StrCat(applied ? "reload: " : "reload failed: ", reason.text,
                          " (", action, ": ", how, ")"),
             {{"action", action},
              {"result", how},
              {"cause", ToString(reason.cause)},
              {"reason", reason.text},
              {"changed", reason.changed}});
  if (applied) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(action, ": ", how));
}

}  // namespace reinit
