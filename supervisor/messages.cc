#include "supervisor/messages.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace reinit {

std::string Millis(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration), " ms");
}

std::string StartedLine(int pid, absl::Span<const std::string_view> strategies,
                        const std::vector<std::string>& command) {
  return absl::StrCat(
      "started process [", pid, "]", strategies.empty() ? "" : " using ",
      absl::StrJoin(strategies, ", "), ": ", absl::StrJoin(command, " "));
}

std::string RestartedLine(int number, const Reason& reason,
                          std::optional<absl::Duration> stopped_after,
                          absl::Duration running_after) {
  std::string times;
  if (reason.cause == Reason::Cause::kFile) {
    times = absl::StrCat("settled ", Millis(reason.settled), ", ");
  }
  if (stopped_after.has_value()) {
    absl::StrAppend(&times, "stopped ", Millis(*stopped_after), ", ");
  }
  // 0: a --pre-start had failed, and no process has run yet.
  const std::string what =
      number == 0
          ? "first start"
          : absl::StrCat(reason.IsFailure() ? "restart " : "reload ", number);
  return absl::StrCat(what, ": ", reason.text, " (", times, "running after ",
                      Millis(running_after), ")");
}

void LogRestarted(Log* log, const Restarted& what) {
  const Reason& reason = *what.reason;
  std::optional<absl::Duration> settled;
  if (reason.cause == Reason::Cause::kFile) settled = reason.settled;
  log->Event(
      LogLevel::kInfo, reason.IsFailure() ? "restart" : "reload",
      RestartedLine(what.generation - 1, reason, what.stopped, what.running),
      {{"generation", what.generation},
       {"pid", what.pid},
       {"cause", ToString(reason.cause)},
       {"settled_ms", LogMillis(settled)},
       {"stopped_ms", LogMillis(what.stopped)},
       {"running_ms", LogMillis(what.running)},
       {"reason", reason.text},
       {"changed", reason.changed}});
}

std::string LimitLine(const RestartOptions& options) {
  std::string within;
  if (options.limit_interval != absl::InfiniteDuration()) {
    within =
        absl::StrCat(" within ", absl::FormatDuration(options.limit_interval));
  }
  return absl::StrCat(options.limit_burst,
                      options.limit_burst == 1 ? " restart" : " restarts",
                      within, " did not help");
}

std::string GivingUpLine(const Options& options) {
  return absl::StrCat(LimitLine(options.restart), ": giving up",
                      !StaysAfterGivingUp(options)  ? ""
                      : options.watch.paths.empty() ? ", staying"
                                                    : ", waiting for a change");
}

std::string SpawnFailureLine(const SpawnFailure& failure,
                             const Options& options) {
  const std::string why = absl::StrCat(": ", ::strerrordesc_np(failure.error));
  switch (failure.stage) {
    case SpawnFailure::Stage::kDirectory:
      return absl::StrCat("cannot enter folder '", options.process.as.directory,
                          "'", why);
    case SpawnFailure::Stage::kCredentials:
      return absl::StrCat("cannot become the user that --user names", why,
                          ": that takes root, or CAP_SETUID and CAP_SETGID");
    case SpawnFailure::Stage::kDescriptor:
      return absl::StrCat("cannot pass a descriptor on", why);
    case SpawnFailure::Stage::kExec:
      break;
  }
  return failure.words;
}

}  // namespace reinit
