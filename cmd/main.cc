#include <cxxabi.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cmd/check.h"
#include "cmd/command_line.h"
#include "cmd/ctl.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/given.h"
#include "cmd/helper_roles.h"
#include "cmd/personality/personality.h"
#include "cmd/run.h"
#include "cmd/self_install.h"
#include "reaper/first_act/first_act.h"
#include "reaper/log.h"
#include "reaper/program.h"
#include "reaper/self/memory_reserve.h"
#include "reaper/self/signal_mask.h"
#include "reaper/self/stdio.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/observer.h"
#include "supervisor/probe/check.h"
#include "supervisor/workers/worker_options.h"

namespace reinit {
namespace {

bool WriteOut(std::string_view text, int fd = STDOUT_FILENO) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int RunProbe(const HealthOptions& health) {
  const CheckResult result =
      RunCheck(health.checks[0], health.expect, health.timeout);
  WriteOut(absl::StrCat(health.checks[0].text, ": ", result.text, "\n"));
  return result.passed ? 0 : 1;
}

// Before anything is started: true if there are errors.
bool Report(const CommandLine& line, Log* log) {
  for (const std::string& error : line.errors) {
    log->Write(LogLevel::kError, error);
  }
  return !line.errors.empty();
}

void Warn(const CommandLine& line, Log* log) {
  for (const std::string& warning : line.warnings) {
    log->Write(LogLevel::kWarning, warning);
  }
}

// How many workers there are is else said when they start.
void SayIfOneWorker(const Options& options, Log* log) {
  const WorkersOptions& workers = options.workers;
  if (workers.count > 1 || workers.count_reason.empty()) return;
  log->Write(LogLevel::kInfo,
             absl::StrCat("workers: 1 (", workers.count_reason, ")"));
}

std::vector<std::string> PassedOn(
    const std::vector<std::string_view>& environment) {
  std::vector<std::string> result;
  const bool in_worker = IsInWorker(environment);
  for (const std::string_view entry : environment) {
    const std::string_view name = entry.substr(0, entry.find('='));
    const bool told = in_worker && name == "REINIT_WORKERS";
    if (told || !IsFlagVariable(name)) result.emplace_back(entry);
  }
  return result;
}

// For a wrapper between reinit and a server: LISTEN_PID means the wrapper.
// Returns only on failure.
int ListenExec(const std::vector<std::string>& command, Log* log) {
  // Nobody else runs in this process.
  // NOLINTBEGIN(concurrency-mt-unsafe)
  if (::getenv("LISTEN_FDS") != nullptr) {
    ::setenv("LISTEN_PID", absl::StrCat(::getpid()).c_str(), 1);
    ::unsetenv("LISTEN_PIDFDID");  // that of the wrapper
  }
  // NOLINTEND(concurrency-mt-unsafe)
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  log->Write(LogLevel::kError, absl::StrCat("listen-exec: cannot execute ",
                                            EscapeForLog(command[0]), ": ",
                                            ::strerrordesc_np(error)));
  return ExecFailureCode(error);
}

int RunSelfInstall(const std::string& folder, Log* log) {
  const absl::Status status = SelfInstall(folder);
  if (status.ok()) return 0;
  log->Write(LogLevel::kError,
             absl::StrCat("self-install: ", status.message()));
  return 1;
}

int Ctl(const CtlRequest& request, Log* log) {
  const CtlResult result = RunCtl(request);
  if (!result.error.empty()) log->Write(LogLevel::kError, result.error);
  return WriteOut(result.to_stdout) ? result.exit_code : 1;
}

int Check(const CommandLine& line, std::vector<std::string> environment,
          Log* log) {
  std::string plan;
  const int code = RunCheck(line, std::move(environment), log, &plan);
  if (code != 0) return code;
  return WriteOut(plan) ? 0 : 1;
}

int Main(const std::vector<std::string_view>& args,
         const std::vector<std::string_view>& environment,
         const SignalState& inherited) {
  CommandLineContext context;
  context.on_terminal = ::isatty(STDERR_FILENO) == 1;
  const CommandLine line = ParseCommandLine(args, environment, context);
  StderrLog log(line.options.log_level, line.options.log_format);
  if (Report(line, &log)) return kExitUsage;
  switch (line.action) {
    case CommandLine::Action::kCheck:
      RestoreSignals(inherited);
      return Check(line, PassedOn(environment), &log);
    case CommandLine::Action::kPrint:
      return WriteOut(line.text) ? 0 : 1;
    case CommandLine::Action::kProbe:
      RestoreSignals(inherited);
      return RunProbe(line.options.health);
    case CommandLine::Action::kListenExec:
      RestoreSignals(inherited);
      return ListenExec(line.options.command, &log);
    case CommandLine::Action::kSelfInstall:
      RestoreSignals(inherited);
      return RunSelfInstall(line.options.command.front(), &log);
    case CommandLine::Action::kCtl:
      RestoreSignals(inherited);
      return Ctl(line.ctl, &log);
    case CommandLine::Action::kRun:
      break;
  }
  Warn(line, &log);
  SayIfOneWorker(line.options, &log);
  LogObserver observer(&log);
  return RunSupervisor(line.options, PassedOn(environment), inherited, &log,
                       &observer);
}

int MainAs(PersonalityParser parser, int argc, char** argv,
           const std::vector<std::string_view>& environment,
           const SignalState& inherited) {
  CommandLine variables = ParseFlagVariables(environment);
  StderrLog log(variables.options.log_level);
  if (Report(variables, &log)) return kExitUsage;
  Warn(variables, &log);
  PersonalityLine line = parser(argc, argv, std::move(variables.options));
  FillInOnlyWorker(&line.options);
  const bool written = WriteOut(line.to_stdout);
  WriteOut(line.to_stderr, STDERR_FILENO);
  switch (line.action) {
    case PersonalityLine::Action::kPrint:
      return written ? line.exit_code : 1;
    case PersonalityLine::Action::kPause:
      return RunPause(&log);
    case PersonalityLine::Action::kRun:
      break;
  }
  return RunSupervisor(line.options, PassedOn(environment), inherited, &log,
                       line.observer.get());
}

// Ends this process after an error that nothing handles. The C++ library would
// write its message with a wait for a reader of stderr: a full pipe would hang
// PID 1, or a helper, which nothing would then replace.
[[noreturn]] void EndByAbort() {
  const std::type_info* const what = abi::__cxa_current_exception_type();
  const bool memory = what != nullptr && *what == typeid(std::bad_alloc);
  WriteWithoutBlocking(STDERR_FILENO,
                       memory ? "reinit: out of memory: ending by SIGABRT\n"
                              : "reinit: internal error: ending by SIGABRT\n");
  std::abort();
}

}  // namespace
}  // namespace reinit

int main(int argc, char** argv) {
  // Before anything else: from here on no signal is lost.
  // The first act has done that; to set SIGCHLD again would drop one.
  const reinit::SignalState inherited =
      reinit::FirstAct().acted
          ? reinit::SignalState{.blocked = reinit::FirstAct().blocked}
          : reinit::TakeOverSignals();
  std::set_terminate(reinit::EndByAbort);
  reinit::HoldStandardDescriptors();
  const std::vector<std::string_view> args(argv, argv + argc);
  if (const auto status = reinit::RunAsHelper(args)) return *status;
  reinit::KeepMemoryReserve();
  std::vector<std::string_view> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    environment.emplace_back(*entry);
  }
  if (argc > 0) {
    if (const auto parser = reinit::FindPersonality(args[0])) {
      return reinit::MainAs(parser, argc, argv, environment, inherited);
    }
  }
  return reinit::Main({args.begin() + (argc > 0), args.end()}, environment,
                      inherited);
}
