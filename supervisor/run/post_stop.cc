#include "supervisor/run/post_stop.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"

namespace reinit {
namespace {

// Half of what Docker gives the whole stop; s6's limit for a finish script.
constexpr absl::Duration kPostStopTimeout = absl::Seconds(5);

// systemd's rule for a service that has none of its own.
bool EndsCleanly(const ExitStatus& status) {
  return status.Success() || status.signal == SIGHUP ||
         status.signal == SIGINT || status.signal == SIGTERM ||
         status.signal == SIGPIPE;
}

// What systemd gives ExecStopPost=. `result` is empty where the exit status
// tells all.
void AddResult(const ExitStatus& status, bool success, std::string_view result,
               std::vector<std::string>& environment) {
  const bool signal = status.signal != 0;
  environment.push_back(absl::StrCat("EXIT_CODE=", !signal ? "exited"
                                                   : status.core_dumped
                                                       ? "dumped"
                                                       : "killed"));
  environment.push_back(
      absl::StrCat("EXIT_STATUS=", signal ? SignalName(status.signal).substr(3)
                                          : absl::StrCat(status.code)));
  if (result.empty()) {
    result = success              ? "success"
             : !signal            ? "exit-code"
             : status.core_dumped ? "core-dump"
                                  : "signal";
  }
  environment.push_back(absl::StrCat("SERVICE_RESULT=", result));
}

}  // namespace

PostStop::PostStop(const Context& context, const Options* options,
                   EnvironmentOf environment)
    : context_(context),
      options_(options),
      environment_(std::move(environment)) {}

void PostStop::ReplaceResult(int generation, std::string_view result) {
  for (Ended& ended : due_) {
    if (ended.generation == generation) ended.result = result;
  }
}

void PostStop::Run(Then then) {
  then_ = std::move(then);
  if (running()) return;
  const std::vector<std::string>& command = options_->process.post_stop;
  if (command.empty()) due_.clear();
  if (due_.empty()) {
    std::exchange(then_, nullptr)();
    return;
  }
  const Ended ended = due_.front();
  due_.erase(due_.begin());
  std::vector<std::string> environment = environment_(ended.generation);
  const bool success =
      EndsCleanly(ended.status) || options_->success.Contains(ended.status);
  AddResult(ended.status, success, ended.result, environment);
  job_ = std::make_unique<Job>(
      context_, command, std::move(environment), kPostStopTimeout,
      Job::Output::kShown,
      [this](const Job::Result& result) { OnEnd(result); });
  job_->Start();
}

void PostStop::OnEnd(const Job::Result& result) {
  // It is the caller, so it can go only when it has returned.
  context_.loop->Post([gone = std::move(job_)] {});
  if (!result.Success()) {
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat("--post-stop: ", result.text));
  }
  Run(std::move(then_));
}

void PostStop::KillNow() {
  if (running()) job_->Signal(SIGKILL);
}

}  // namespace reinit
