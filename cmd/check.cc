#include "cmd/check.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cmd/plan_lines.h"
#include "cmd/run.h"
#include "cmd/start_sockets.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "supervisor/environment.h"
#include "supervisor/messages.h"
#include "supervisor/watch/summary.h"

namespace reinit {
namespace {

using Stage = SpawnFailure::Stage;

bool Binds(const Options& options, std::vector<std::string>* environment,
           Log* log) {
  StartSockets sockets;
  return BindAll(options, environment, log, &sockets);
}

// What happens between fork and exec. `found` gets the program's file.
SpawnFailure TryToStart(const Options& options,
                        const std::vector<std::string>& environment,
                        std::string* found) {
  const UserProcess& as = options.process.as;
  if (as.credentials.has_value()) {
    const int error = BecomeUser(*as.credentials);
    if (error != 0) return {Stage::kCredentials, error};
  }
  if (!as.directory.empty() && ::chdir(as.directory.c_str()) != 0) {
    return {Stage::kDirectory, errno};
  }
  const std::string& name = options.command[0];
  ProgramSearch search = FindProgram(name, environment);
  *found = std::move(search.file);
  SpawnFailure failure = {Stage::kExec, search.error};
  if (search.error != 0) {
    ExplainExecFailure(name, environment, search.error)
        .copy(failure.words, sizeof(failure.words) - 1);
  }
  return failure;
}

}  // namespace

int RunCheck(const CommandLine& line, std::vector<std::string> environment,
             Log* log, std::string* out) {
  const Options& options = line.options;
  if (!Binds(options, &environment, log)) return kExitUsage;
  *out = line.text;
  if (line.unanswered) return 0;
  // With reinit's own rights, as the watch helper has them.
  const WatchOptions& watch = options.watch;
  for (const std::string& path : WatchSummary(watch.paths, watch.filter)) {
    absl::StrAppend(out, "  ", EscapeForLog(path), "\n");
  }
  if (options.command.empty()) return 0;
  const absl::StatusOr<std::vector<std::string>> given =
      MakeEnvironment(environment, options.process.environment_files,
                      options.process.environment);
  if (given.ok()) environment = *given;
  std::string file;
  const SpawnFailure failure = TryToStart(options, environment, &file);
  if (failure.error == 0) {
    AppendLine("program", Quoted(file), *out);
    return 0;
  }
  log->Write(LogLevel::kError, SpawnFailureLine(failure, options));
  return failure.stage == Stage::kExec
             ? options.process.as.exec_failure_code(failure.error)
             : ExecFailureCode(EACCES);
}

}  // namespace reinit
