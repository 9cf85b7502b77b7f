#include "supervisor/observer.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"

namespace reinit {

void LogObserver::OnSpawnFailure(pid_t, const SpawnFailure&,
                                 std::string_view explanation) {
  log_->Write(LogLevel::kError, explanation);
}

void LogObserver::OnForwarded(int, int sent, pid_t pid, int error) {
  if (error == 0) return;
  log_->Write(LogLevel::kWarning,
              absl::StrCat("cannot pass ", SignalName(sent), " to process [",
                           pid, "]: ", ::strerrordesc_np(error)));
}

void LogObserver::OnReaped(pid_t pid, ExitStatus status, bool main) {
  if (main || !log_->Enabled(LogLevel::kDebug)) return;
  log_->Write(LogLevel::kDebug,
              absl::StrCat("reaped process [", pid, "]: ", status.ToString()));
}

}  // namespace reinit
