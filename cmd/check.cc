#include "cmd/check.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "cmd/plan/plan_lines.h"
#include "cmd/run.h"
#include "cmd/start_sockets.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "reaper/signal_source.h"
#include "reaper/spawn_files.h"
#include "reaper/unique_fd.h"
#include "supervisor/messages.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/run/environment.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/watch/settle.h"
#include "supervisor/watch/tree/summary.h"
#include "supervisor/workers/worker_options.h"

namespace reinit {
namespace {

using Stage = SpawnFailure::Stage;

// Opens all that a start has open when it starts the process, except for what
// its helpers take, two or three descriptors each. `sockets` are bound.
absl::Status OpenAsAStart(const Options& options, const ListenSockets& sockets,
                          std::vector<std::string> environment) {
  const MonotonicClock clock;
  const auto loop = EventLoop::Create(&clock);
  if (!loop.ok()) return loop.status();
  const auto notify = MakeNotifySocket(options);
  if (!notify.ok()) return notify.status();
  const auto signals = SignalSource::Create(
      loop->get(), [](const SignalInfo&) {}, [] {});
  if (!signals.ok()) return signals.status();
  if (options.command.empty()) return absl::OkStatus();  // a sidecar
  SpawnRequest request;
  std::vector<PassedDescriptor>& passed = request.descriptors;
  UniqueFd ends[2];
  int raw[2];
  // Without its pipe a start goes on all the same.
  if (options.ready.kind == ReadyOptions::Kind::kDescriptor &&
      ::pipe2(raw, O_CLOEXEC) == 0) {
    ends[0].reset(raw[0]);
    ends[1].reset(raw[1]);
    passed.push_back({raw[1], options.ready.descriptor});
  }
  if (!sockets.empty()) {
    std::vector<std::string> argv = options.command;
    sockets.Pass(::getpid(), &argv, &environment, &passed);
  }
  const auto files = SpawnFiles::Open(request);
  if (files.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot start a process (", files.status().message(), ")"));
}

// Binds the sockets and opens the rest, and lets go of all of it. Returns what
// the start would exit with, or 0.
int Opens(const Options& options, std::vector<std::string>* environment,
          Log* log) {
  StartSockets sockets;
  if (!BindAll(options, environment, log, &sockets)) return kExitUsage;
  const absl::Status status =
      OpenAsAStart(options, sockets.listen, *environment);
  if (status.ok()) return 0;
  log->Write(LogLevel::kError, status.message());
  return 1;
}

// What a child does first. For good: this process stays that user's.
SpawnFailure BecomeTheChild(const UserProcess& as) {
  if (as.credentials.has_value()) {
    const int error = BecomeUser(*as.credentials);
    if (error != 0) return {Stage::kCredentials, error};
  }
  if (!as.directory.empty() && ::chdir(as.directory.c_str()) != 0) {
    return {Stage::kDirectory, errno};
  }
  return {};
}

// What a child does last, but for the execve. `found` gets the program's file.
SpawnFailure FindTheProgram(const std::vector<std::string>& argv,
                            const std::vector<std::string>& environment,
                            std::string* found) {
  const std::string& name = argv[0];
  ProgramSearch search = FindProgram(name, environment);
  if (search.error == 0 && !FitsExec(argv, environment)) search.error = E2BIG;
  *found = std::move(search.file);
  SpawnFailure failure = {Stage::kExec, search.error};
  if (search.error != 0) {
    ExplainExecFailure(name, environment, search.error)
        .copy(failure.words, sizeof(failure.words) - 1);
  }
  return failure;
}

int ExitCodeOf(const SpawnFailure& failure, const UserProcess& as) {
  return failure.stage == Stage::kExec ? as.exec_failure_code(failure.error)
                                       : ExecFailureCode(EACCES);
}

// As a failed --pre-start is told.
std::string PreStartLine(const SpawnFailure& failure, const std::string& name,
                         bool stays) {
  std::string words = failure.words;
  if (words.empty()) {
    words = absl::StrCat("cannot run '", EscapeForLog(name),
                         "': ", ::strerrordesc_np(failure.error));
  }
  return absl::StrCat("--pre-start: ", words,
                      stays ? ": tried again at a change" : ": not starting");
}

// Looks for what a start runs, with the rights that it has there, and tells
// where the program is. Returns what the start would exit with, or 0.
int FindPrograms(const Options& options, std::vector<std::string> environment,
                 Log* log, std::string* out) {
  const absl::StatusOr<std::vector<std::string>> given =
      MakeEnvironment(environment, options.process.environment_files,
                      options.process.environment);
  if (!given.ok()) {
    log->Write(LogLevel::kError,
               absl::StrCat("--env-file: ", given.status().message()));
    return kExitUsage;
  }
  environment = *given;
  const UserProcess& as = options.process.as;
  const SpawnFailure refused = BecomeTheChild(as);
  const auto find = [&](const std::vector<std::string>& argv,
                        std::string* found) {
    return refused.error != 0 ? refused
                              : FindTheProgram(argv, environment, found);
  };
  std::string file;
  if (const auto& hook = options.process.pre_start; !hook.empty()) {
    const SpawnFailure failure = find(hook, &file);
    if (failure.error != 0) {
      const bool stays = StaysAfterGivingUp(options);
      log->Write(stays ? LogLevel::kWarning : LogLevel::kError,
                 PreStartLine(failure, hook[0], stays));
      if (!stays) return ExitCodeOf(failure, as);
    }
  }
  const SpawnFailure failure = find(options.command, &file);
  if (failure.error != 0) {
    log->Write(LogLevel::kError, SpawnFailureLine(failure, options));
    return ExitCodeOf(failure, as);
  }
  AppendLine("program", Quoted(file), *out);
  return 0;
}

}  // namespace

int RunCheck(const CommandLine& line, std::vector<std::string> environment,
             Log* log, std::string* out) {
  const Options& options = line.options;
  if (const int code = Opens(options, &environment, log); code != 0) {
    return code;
  }
  *out = line.text;
  if (line.unanswered) return 0;
  // With reinit's own rights, as the watch helper has them.
  const WatchOptions& watch = options.watch;
  for (const std::string& path : WatchSummary(watch.paths, watch.filter)) {
    absl::StrAppend(out, "  ", EscapeForLog(path), "\n");
  }
  if (watch.settle < Settle::kMin && watch.mode != WatchOptions::Mode::kPoll) {
    for (const std::string& stamps : StampSummary(watch.paths)) {
      absl::StrAppend(out, "  ", EscapeForLog(stamps), "\n");
    }
  }
  if (options.command.empty()) return 0;
  const bool several = options.workers.count > 1;
  return FindPrograms(several ? OptionsOfWorker(options, 1) : options,
                      std::move(environment), log, out);
}

}  // namespace reinit
