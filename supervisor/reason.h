// Says why the process is started again, and which change is to be applied.
#ifndef REINIT_SUPERVISOR_REASON_H_
#define REINIT_SUPERVISOR_REASON_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "supervisor/value/changed_files.h"

namespace reinit {

// What a restart is for. A new cause needs its word in ToString below, which
// the compiler asks for; all else counts with kCauses.
enum class RestartCause {
  kFile,
  kSignal,   // --reload-signal
  kControl,  // reinit ctl
  kHealth,
  kExit,
  kNotReady,
  kWatchdog,
  kMemory,
  kAge,
};

// The word for it in logs, metrics and the process's environment; empty for a
// number that is no cause.
constexpr std::string_view ToString(RestartCause cause) {
  switch (cause) {
    case RestartCause::kFile:
      return "file";
    case RestartCause::kSignal:
      return "signal";
    case RestartCause::kControl:
      return "control";
    case RestartCause::kHealth:
      return "health";
    case RestartCause::kExit:
      return "exit";
    case RestartCause::kNotReady:
      return "not ready";
    case RestartCause::kWatchdog:
      return "watchdog";
    case RestartCause::kMemory:
      return "memory";
    case RestartCause::kAge:
      return "age";
  }
  return "";
}

constexpr int CountRestartCauses() {
  int count = 0;
  while (!ToString(static_cast<RestartCause>(count)).empty()) ++count;
  return count;
}

// Why the process is restarted.
struct Reason {
  using Cause = RestartCause;
  static constexpr int kCauses = CountRestartCauses();
  Cause cause = Cause::kExit;
  std::string text;         // for people: "src/app.py and 3 more"
  std::string changed;      // for the child: the path, if one is known
  ChangedFiles files = {};  // for the child: all of them
  absl::Duration settled;   // how long was waited for quiet (kFile)
  // Digest of all that is watched, with this change (kFile).
  std::optional<uint64_t> content = std::nullopt;
  // By when all of it had been done, at the latest (kFile).
  absl::Time done_by = absl::InfiniteFuture();

  // Something that --on-change is for; else the process itself is the matter.
  bool IsChange() const {
    return cause == Cause::kFile || cause == Cause::kSignal ||
           cause == Cause::kControl;
  }
  // Reloads never use the restart budget, failures do.
  bool IsFailure() const { return !IsChange() && cause != Cause::kAge; }
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_REASON_H_
