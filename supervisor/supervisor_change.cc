// The Supervisor's part that deals with changes: checked, applied, retried.
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "supervisor/messages.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// It may well be a build.
constexpr absl::Duration kReloadCheckTimeout = absl::Minutes(5);

// A file that is written again within one tick of its file system's clock, once
// it has been looked at, looks the same: 10 ms, with room for a busy machine.
constexpr absl::Duration kFileTick = absl::Milliseconds(50);

}  // namespace

std::unique_ptr<Action> Supervisor::ActionOnChange() {
  ActionHooks hooks;
  hooks.restart = [this](const Reason& reason, Action::OnDone done) {
    Restart(reason, std::move(done));
  };
  hooks.signal = [this](int signo) { return SignalProcess(signo); };
  hooks.environment = [this](const Reason& reason) {
    return ActionEnvironment(reason);
  };
  hooks.fail = [this](const std::string& why) { Fail(why); };
  hooks.exit = [this](int code) {
    end_reason_ = absl::StrCat(applied_.text, ": --on-change=exit");
    context_.log->Write(LogLevel::kInfo, end_reason_);
    Shutdown(code);
    StopBoth();
  };
  return MakeAction(context_, options_, std::move(hooks));
}

// A signal that it does not handle would end it, which is not what was meant.
absl::Status Supervisor::SignalProcess(int signo) {
  if (instance_ == nullptr || !instance_->alive()) {
    return absl::UnavailableError("not sent: no process runs just now");
  }
  if (EndsByDefault(signo) &&
      !context_.os->Withstands(instance_->pid(), signo).value_or(true)) {
    return absl::UnavailableError(
        "not sent: the process has no handler for it and would be ended");
  }
  const int error = instance_->Forward({.signo = signo});
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, "kill");
}

void Supervisor::Reload(const Reason& reason) {
  asked_reload_ = reason;
  Ask();
}

bool Supervisor::CanAct() const {
  if (end_ != End::kStaying) return false;
  if (Preparing() || post_stop_ != nullptr) return false;
  if (instance_ == nullptr) return true;
  const InstanceState state = instance_->state();
  // Beside one that drains it is let be, once it is ready.
  if (other_ != nullptr) {
    return state == InstanceState::kUp && ReplacedOneDrains();
  }
  return state == InstanceState::kUp || state == InstanceState::kReady;
}

// A check, or an action that is not the start of a process.
bool Supervisor::ChangeUnderWay() const {
  const bool starts = planned_.has_value() && planned_->done;
  return change_ == ChangeState::kChecking ||
         (change_ == ChangeState::kApplying && !starts);
}

std::optional<Reason> Supervisor::ShouldRestart(
    const std::optional<ExitStatus>& ended) {
  if (asked_reload_.has_value()) {
    return std::exchange(asked_reload_, std::nullopt);
  }
  View view = ViewNow();
  view.ended = ended;
  for (const auto& strategy : strategies_) {
    if (auto reason = strategy->ShouldRestart(view)) return reason;
  }
  return std::nullopt;
}

void Supervisor::Ask() {
  if (Overlapping()) AskReplacement();
  if (!CanAct()) return;
  if (asked_restart_.has_value()) {
    Restart(*std::exchange(asked_restart_, std::nullopt), nullptr);
    return;
  }
  const std::optional<Reason> reason = ShouldRestart(std::nullopt);
  if (!reason.has_value()) return;
  NoteCause(*reason);
  if (reason->cause == Reason::Cause::kHealth) {
    ActOnHealth(*reason);
  } else if (!reason->IsChange()) {
    if (options_->Sidecar()) return;
    Restart(*reason, nullptr);
  } else if (HasAlready(*reason)) {
    change_ = Next(change_, ChangeInput::kHad);
    attempted_content_ = applied_content_ = reason->content;
    context_.log->Write(
        LogLevel::kDebug,
        absl::StrCat(reason->text, ": had changed before process [",
                     instance_->pid(), "] was started, which has it"));
  } else {
    TakeUp(*reason);
  }
}

// In doubt it has not: one restart too many is better than one that is missing.
// A check may be what makes the program, so a start alone brings nothing.
bool Supervisor::HasAlready(const Reason& reason) const {
  return instance_ != nullptr && reason.done_by + kFileTick < has_all_before_ &&
         options_->reload.check.empty() && action_->StartWillDo();
}

void Supervisor::TakeUp(const Reason& reason) {
  if (ChangeUnderWay()) {
    next_change_ = reason;  // one more, afterwards
  } else {
    Apply(reason);
  }
}

// --health-on-failure
void Supervisor::ActOnHealth(const Reason& reason) {
  using What = OnUnhealthy::What;
  const OnUnhealthy& act = options_->health.on_failure;
  if (act.what == What::kRestart) {
    Restart(reason, nullptr);
    return;
  }
  if (act.what == What::kExit) {
    context_.log->Event(LogLevel::kError, "unhealthy",
                        absl::StrCat("unhealthy: ", reason.text, ": exiting"),
                        {{"generation", generation_}, {"reason", reason.text}});
    end_reason_ = absl::StrCat("unhealthy: ", reason.text);
    Shutdown(1);
    StopBoth();
    return;
  }
  const bool sends = act.what == What::kSignal && instance_ != nullptr;
  context_.log->Event(
      LogLevel::kWarning, "unhealthy",
      absl::StrCat("unhealthy: ", reason.text, sends ? ": sending " : "",
                   sends ? SignalName(act.signal) : ""),
      {{"generation", generation_}, {"reason", reason.text}});
  if (sends) instance_->Forward({.signo = act.signal});
}

void Supervisor::Apply(const Reason& reason) {
  retry_timer_.Cancel();
  retry_backoff_.Reset();
  noticed_ = false;
  next_change_.reset();  // it was before this one
  Adopt(reason);
  if (options_->reload.check.empty()) {
    ApplyNow(/*again=*/false);
    return;
  }
  change_ = Next(change_, ChangeInput::kDue);
  reload_check_ = std::make_unique<Job>(
      context_, options_->reload.check, ProcessEnvironment(generation_),
      kReloadCheckTimeout, Job::Output::kShown,
      [this](const Job::Result& result) { OnReloadCheck(result); });
  reload_check_->Start();
}

void Supervisor::Adopt(const Reason& reason) {
  applied_ = reason;
  if (reason.content.has_value()) attempted_content_ = reason.content;
  IncludeAsked();
  outcomes_.TakeUp(reason, context_.loop->Now());
}

// What is still to be asked for comes later.
void Supervisor::IncludeAsked() {
  if (!asked_reload_.has_value()) outcomes_.Include();
}

void Supervisor::OnReloadCheck(const Job::Result& result) {
  DropJob(reload_check_);
  if (end_ != End::kStaying) return;
  if (result.Success() && (CanAct() || MaySupersede())) {
    ApplyNow(/*again=*/false);
    return;
  }
  const Reason checked = applied_;
  change_ = Next(change_, ChangeInput::kFailed);
  if (planned_.has_value() && planned_->done) {
    // The one before it is still being applied.
    change_ = ChangeState::kApplying;
    applied_ = planned_->reason;
  }
  if (result.Success()) {
    if (!next_change_.has_value()) next_change_ = checked;
    return;
  }
  ++changes_failed_;
  change_failure_ =
      absl::StrCat(checked.text, ": --reload-check: ", result.text);
  outcomes_.CheckFailed(change_failure_);
  context_.log->Event(
      LogLevel::kWarning, "reload_refused",
      absl::StrCat("--reload-check: ", result.text, ": not applying ",
                   checked.text, ", waiting for the next change"),
      {{"generation", generation_},
       {"cause", ToString(checked.cause)},
       {"reason", checked.text},
       {"changed", checked.changed}});
  AfterChange();
}

// It may be the caller, so it can go only when it has returned.
void Supervisor::DropJob(std::unique_ptr<Job>& job) {
  context_.loop->Post([gone = std::move(job)] {});
}

// With nothing to be told of the change, it is applied by a start.
void Supervisor::ApplyNow(bool again) {
  if (again) outcomes_.TakeUp(applied_, context_.loop->Now());
  Action::OnDone done = BeginChange();
  const bool starts = instance_ == nullptr && !options_->Sidecar() &&
                      !options_->reload.on_change.empty();
  if (starts && (!again || action_->StartWillDo())) {
    Restart(applied_, ThenAct(std::move(done)));
  } else if (again) {
    action_->Retry(applied_, std::move(done));
  } else {
    action_->Apply(applied_, std::move(done));
  }
}

// What a start leaves to be done.
Action::OnDone Supervisor::ThenAct(Action::OnDone done) {
  if (action_->StartWillDo()) return done;
  return [this, done = std::move(done)](const absl::Status& started) {
    if (started.ok()) {
      action_->Apply(applied_, done);
    } else {
      done(started);
    }
  };
}

Action::OnDone Supervisor::BeginChange() {
  // Of one that is superseded nobody waits for the end.
  if (planned_.has_value()) planned_->done = nullptr;
  change_ = Next(change_, ChangeInput::kDue);
  change_ = Next(change_, ChangeInput::kPassed);
  outcomes_.Begin();
  acts_since_ = context_.loop->Now();
  return [this, what = applied_.text,
          content = attempted_content_](const absl::Status& result) {
    const bool applied = result.ok();
    if (applied) {
      applied_content_ = content;
      outcomes_.ChangeDone(context_.loop->Now());
      ForgetFailure();
    } else {
      change_failure_ = absl::StrCat(what, ": ", result.message());
      outcomes_.ChangeFailed(change_failure_);
    }
    ++(applied ? changes_applied_ : changes_failed_);
    // A newer one may be being checked.
    if (change_ == ChangeState::kApplying) {
      change_ =
          Next(change_, applied ? ChangeInput::kApplied : ChangeInput::kFailed);
    }
    if (action_->name() == "restart" || end_ != End::kStaying) return;
    if (!applied) retry_timer_.ArmAfter(retry_backoff_.Take(random_()));
    AfterChange();
  };
}

void Supervisor::AfterChange() {
  context_.loop->Post([this] {
    if (!CanAct() && !MaySupersede()) return;
    if (next_change_.has_value() && !ChangeUnderWay()) {
      Apply(*std::exchange(next_change_, std::nullopt));
    } else {
      Ask();
    }
  });
}

void Supervisor::RetryChange() {
  if (change_ != ChangeState::kPending || end_ != End::kStaying) return;
  // Another change is settling, most likely: half of it is not to be applied.
  // It comes, or it is nothing, and then this is tried again.
  const bool waits = std::exchange(noticed_, false);
  if (CanAct() && !waits) {
    ApplyNow(/*again=*/true);
  } else {
    retry_timer_.ArmAfter(options_->reload.retry_delay);
  }
}

void Supervisor::ForgetFailure() {
  if (!outcomes_.FailureStands()) change_failure_.clear();
}

// A process that has started has all that there was to be applied, unless that
// is about others too. What is being applied goes on after a restart, and what
// is being checked: the check may be what makes the program. What is to come
// next may be newer.
void Supervisor::ForgetChange() {
  if (change_ == ChangeState::kChecking || change_ == ChangeState::kApplying) {
    return;
  }
  if (next_change_.has_value() || !action_->StartWillDo()) return;
  retry_timer_.Cancel();
  IncludeAsked();
  outcomes_.LeaveToStart(context_.loop->Now());
  change_ = Next(change_, ChangeInput::kStarted);
}

}  // namespace reinit
