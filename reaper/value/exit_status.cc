#include "reaper/value/exit_status.h"

#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"

namespace reinit {

ExitStatus ExitStatus::FromWait(int status) {
  ExitStatus result;
  if (WIFSIGNALED(status)) {
    result.signal = WTERMSIG(status);
    result.core_dumped = WCOREDUMP(status);
  } else {
    result.code = WEXITSTATUS(status);
  }
  return result;
}

std::string ExitStatus::ToString() const {
  if (signal == 0) return absl::StrCat("exit code ", code);
  return absl::StrCat(SignalName(signal), core_dumped ? " (core dumped)" : "");
}

}  // namespace reinit
