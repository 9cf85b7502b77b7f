// Writes the log lines that people read most.
#ifndef REINIT_SUPERVISOR_MESSAGES_H_
#define REINIT_SUPERVISOR_MESSAGES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "supervisor/options.h"
#include "supervisor/reason.h"

namespace reinit {

// "started process [12] using mtime, health: python3 app.py"
std::string StartedLine(int pid, absl::Span<const std::string_view> strategies,
                        const std::vector<std::string>& command);

// "reload 7: src/app.py and 3 more (settled 52 ms, stopped 4 ms, running after
// 9 ms)"; "restart 8: exit code 1 (running after 103 ms)"; number 0: "first
// start: b.py (...)".
std::string RestartedLine(int number, const Reason& reason,
                          std::optional<absl::Duration> stopped_after,
                          absl::Duration running_after);

// Writes that line, with its values.
struct Restarted {
  int generation;
  int pid;
  const Reason* reason;
  std::optional<absl::Duration> stopped;
  absl::Duration running;
};
void LogRestarted(Log* log, const Restarted& what);

// "10 restarts within 5m did not help"
std::string LimitLine(const RestartOptions& options);

// The same, and what follows: ": giving up".
std::string GivingUpLine(const Options& options);

// Why the command does not run, by the stage at which it failed: "cannot enter
// folder '/x': Permission denied".
std::string SpawnFailureLine(const SpawnFailure& failure,
                             const Options& options);

std::string Millis(absl::Duration duration);  // "52 ms"

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_MESSAGES_H_
