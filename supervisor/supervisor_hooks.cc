// The Supervisor's part that runs --pre-start and --post-stop.
#include <signal.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "supervisor/messages.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// Long enough for a migration; whoever waits for the container has a limit of
// their own.
constexpr absl::Duration kPreStartTimeout = absl::Minutes(5);
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

void Supervisor::RunPreStart() {
  pre_start_ = std::make_unique<Job>(
      context_, options_->process.pre_start, ProcessEnvironment(generation_),
      kPreStartTimeout, Job::Output::kShown,
      [this](const Job::Result& result) { OnPreStart(result); });
  pre_start_->Start();
}

void Supervisor::OnPreStart(const Job::Result& result) {
  DropJob(pre_start_);
  if (end_ != End::kStaying) {
    Finish();
  } else if (result.Success()) {
    LaunchProcess();
  } else {
    --generation_;
    OnPreStartFailed(result);
    // What changed meanwhile may be the cure.
    AfterChange();
  }
}

void Supervisor::OnPreStartFailed(const Job::Result& result) {
  if (result.what == Job::Result::What::kNotForked) {
    OnNoProcess(absl::UnavailableError(result.text));
    return;
  }
  Reason reason;
  reason.text = absl::StrCat("--pre-start: ", result.text);
  if (generation_ == 0) {
    end_reason_ = absl::StrCat(reason.text, ": not starting");
    context_.log->Write(LogLevel::kError, end_reason_);
    Shutdown(result.ShellCode());
  } else if (instance_ != nullptr && instance_->alive()) {
    RetryReplacement(reason.text);
  } else if (Plan(reason, nullptr)) {
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat(reason.text, ", trying again in ",
                                     Millis(planned_->delay)));
    start_timer_.ArmAfter(planned_->delay);
  } else {
    context_.log->Write(LogLevel::kWarning, reason.text);
    GiveUp(reason.text);
  }
}

// It is to be stopped for this.
void Supervisor::NoteCause(const Reason& reason) {
  if (instance_ == nullptr) return;
  if (reason.cause == Reason::Cause::kWatchdog) {
    instance_->NoteResult("watchdog");
  } else if (reason.cause == Reason::Cause::kNotReady) {
    instance_->NoteResult("timeout");
  }
}

// Of the process whose end, or state, was one failure too many.
void Supervisor::NoteStartLimit() {
  constexpr std::string_view kResult = "start-limit-hit";
  if (instance_ == nullptr) return;
  if (instance_->alive()) {
    instance_->ReplaceResult(kResult);
    return;
  }
  for (Ended& ended : post_stops_due_) {
    if (ended.generation == instance_->generation()) ended.result = kResult;
  }
}

void Supervisor::RunPostStop(void (Supervisor::*then)()) {
  after_post_stop_ = then;
  if (post_stop_ != nullptr) return;
  const std::vector<std::string>& command = options_->process.post_stop;
  if (command.empty()) post_stops_due_.clear();
  if (post_stops_due_.empty()) {
    (this->*then)();
    return;
  }
  const Ended ended = post_stops_due_.front();
  post_stops_due_.erase(post_stops_due_.begin());
  std::vector<std::string> environment = ProcessEnvironment(ended.generation);
  const bool success =
      EndsCleanly(ended.status) || options_->success.Contains(ended.status);
  AddResult(ended.status, success, ended.result, environment);
  post_stop_ = std::make_unique<Job>(
      context_, command, std::move(environment), kPostStopTimeout,
      Job::Output::kShown,
      [this](const Job::Result& result) { OnPostStop(result); });
  post_stop_->Start();
}

void Supervisor::OnPostStop(const Job::Result& result) {
  DropJob(post_stop_);
  if (!result.Success()) {
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat("--post-stop: ", result.text));
  }
  RunPostStop(after_post_stop_);
}

// What is being prepared is not wanted any more; what tidies up may finish,
// unless somebody insists.
void Supervisor::StopHook(const SignalInfo& signal) {
  if (pre_start_ != nullptr) {
    pre_start_->Signal(signal.signo);
    pre_start_->EndWithin(options_->stop.shutdown_timeout);
  }
  if (post_stop_ != nullptr && signal.signo == SIGKILL) {
    post_stop_->Signal(SIGKILL);
  }
}

}  // namespace reinit
