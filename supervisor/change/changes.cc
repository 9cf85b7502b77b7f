#include "supervisor/change/changes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/strategy/watch_strategy.h"

namespace reinit {
namespace {

// --reload-check may be a build.
constexpr absl::Duration kReloadCheckTimeout = absl::Minutes(5);

// A file that is written twice within one tick of its file system's clock has
// the same time both times. A tick is 10 ms; the rest is for a busy machine.
constexpr absl::Duration kFileTick = absl::Milliseconds(50);

// The longest wait between two attempts, in units of --reload-retry-delay.
constexpr int kMaxRetryDelays = 6;

}  // namespace

Changes::Changes(const Context& context, const Options* options,
                 Outcomes* outcomes, const std::function<double()>* random,
                 Hooks hooks)
    : context_(context),
      options_(options),
      outcomes_(outcomes),
      random_(random),
      hooks_(std::move(hooks)),
      action_(MakeAction(context, options, hooks_.actions)),
      retry_timer_(context.loop, [this] { Retry(); }),
      retry_backoff_(options->reload.retry_delay,
                     kMaxRetryDelays * options->reload.retry_delay) {
  const std::string& file = options->reload.on_start_file;
  if (file.empty() || !options->Sidecar()) return;
  applied_file_.emplace(context, file, [this, file](int error) {
    if (error == 0) return;
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat("--on-start-file=", file, ": ", SideFile::ErrorText(error),
                     ": the next start counts as a change"));
  });
}

void Changes::OnNoticed() {
  Move(ChangeInput::kNoticed);
  noticed_ = true;
}

std::optional<Reason> Changes::TakeAsked() {
  return std::exchange(asked_, std::nullopt);
}

bool Changes::UnderWay(const Situation& now) const {
  return state_ == ChangeState::kChecking ||
         (state_ == ChangeState::kApplying && now.awaited_start == nullptr);
}

// When in doubt the process does not have it: one restart too many is better
// than a missing one. --reload-check may build the program, and then a start
// alone brings nothing.
bool Changes::DropIfHad(const Reason& reason) {
  const bool had = hooks_.situation().has_process &&
                   reason.done_by + kFileTick < has_all_before_ &&
                   options_->reload.check.empty() && action_->StartWillDo();
  if (!had) return false;
  Move(ChangeInput::kHad);
  unapplied_ = {};
  attempted_content_ = applied_content_ = reason.content;
  return true;
}

void Changes::ApplyOrQueue(const Reason& reason) {
  if (UnderWay(hooks_.situation())) {
    Queue(reason);
  } else {
    StartApplying(reason);
  }
}

void Changes::Queue(const Reason& reason) {
  ChangedFiles before;
  if (next_.has_value()) before = std::move(next_->files);
  next_ = reason;
  next_->files.Precede(before);
}

bool Changes::ApplyQueued() {
  if (!next_.has_value() || UnderWay(hooks_.situation())) return false;
  StartApplying(*std::exchange(next_, std::nullopt));
  return true;
}

void Changes::StartApplying(const Reason& reason) {
  retry_timer_.Cancel();
  retry_backoff_.Reset();
  noticed_ = false;
  if (next_.has_value()) {  // it was before this one
    next_->files.Precede(unapplied_);
    unapplied_ = std::move(next_->files);
    next_.reset();
  }
  MakeCurrent(reason);
  if (options_->reload.check.empty()) {
    Act(Attempt::kFirst);
    return;
  }
  Move(ChangeInput::kDue);
  check_ = std::make_unique<Job>(
      context_, options_->reload.check, hooks_.environment(),
      kReloadCheckTimeout, Job::Output::kShown,
      [this](const Job::Result& result) { OnCheck(result); });
  check_->Start();
}

void Changes::MakeCurrent(const Reason& reason) {
  current_ = reason;
  current_.files.Precede(unapplied_);
  unapplied_ = current_.files;
  if (reason.content.has_value()) attempted_content_ = reason.content;
  IncludeAsked();
  outcomes_->BeginChange(reason, context_.loop->Now());
}

// A reload that was asked for and not taken yet is answered by a later change.
void Changes::IncludeAsked() {
  if (!asked_.has_value()) outcomes_->Include();
}

void Changes::OnCheck(const Job::Result& result) {
  // The job is the caller: it is destroyed once it has returned.
  context_.loop->Post([gone = std::move(check_)] {});
  const Situation now = hooks_.situation();
  if (now.ending) return;
  if (result.Success() && (now.can_act || now.may_supersede)) {
    Act(Attempt::kFirst);
    return;
  }
  const Reason checked = current_;
  if (now.awaited_start != nullptr) {
    Move(ChangeInput::kStopped);
    current_ = *now.awaited_start;
  } else {
    Move(ChangeInput::kFailed);
  }
  if (result.Success()) {
    if (!next_.has_value()) next_ = checked;
    return;
  }
  ++failed_count_;
  failure_ = absl::StrCat(checked.text, ": --reload-check: ", result.text);
  outcomes_->CheckFailed(failure_);
  context_.log->Event(
      LogLevel::kWarning, "reload_refused",
      absl::StrCat("--reload-check: ", result.text, ": not applying ",
                   checked.text, ", waiting for the next change"),
      {{"generation", now.generation},
       {"cause", ToString(checked.cause)},
       {"reason", checked.text},
       {"changed", checked.changed}});
  hooks_.again();
}

// Without a process to tell, the change is applied by a start.
void Changes::Act(Attempt attempt) {
  const bool again = attempt == Attempt::kAgain;
  if (again) outcomes_->BeginChange(current_, context_.loop->Now());
  Action::OnDone done = BeginAction();
  const bool starts = !hooks_.situation().has_process && !options_->Sidecar() &&
                      !options_->reload.on_change.empty();
  if (starts && (!again || action_->StartWillDo())) {
    hooks_.actions.restart(current_, ActAfterStart(std::move(done)));
  } else if (again) {
    action_->Retry(current_, std::move(done));
  } else {
    action_->Apply(current_, std::move(done));
  }
}

Action::OnDone Changes::BeginByStart(const Reason& reason) {
  MakeCurrent(reason);
  return ActAfterStart(BeginAction());
}

// Runs the actions that a start does not do by itself, once it has succeeded.
Action::OnDone Changes::ActAfterStart(Action::OnDone done) {
  if (action_->StartWillDo()) return done;
  return [this, reason = current_,
          done = std::move(done)](const absl::Status& started) {
    if (started.ok()) {
      action_->Apply(reason, done);
    } else {
      done(started);
    }
  };
}

Action::OnDone Changes::BeginAction() {
  // Nobody waits for a change that was superseded.
  hooks_.drop_waiter();
  Move(ChangeInput::kDue);
  Move(ChangeInput::kPassed);
  outcomes_->Begin();
  acts_since_ = context_.loop->Now();
  return [this, what = current_.text, content = attempted_content_](
             const absl::Status& result) { OnResult(what, content, result); };
}

void Changes::OnResult(const std::string& what, std::optional<uint64_t> content,
                       const absl::Status& result) {
  const bool applied = result.ok();
  if (applied) {
    applied_content_ = content;
    // A newer change may be in its check.
    if (state_ == ChangeState::kApplying) unapplied_ = {};
    NoteApplied();
    outcomes_->ChangeDone(context_.loop->Now());
    ForgetFailure();
  } else {
    failure_ = absl::StrCat(what, ": ", result.message());
    outcomes_->ChangeFailed(failure_);
  }
  ++(applied ? applied_count_ : failed_count_);
  // A newer change may be in its check.
  if (state_ == ChangeState::kApplying) {
    Move(applied ? ChangeInput::kApplied : ChangeInput::kFailed);
  }
  if (action_->OnlyRestarts() || hooks_.situation().ending) return;
  if (!applied) retry_timer_.ArmAfter(retry_backoff_.Take((*random_)()));
  hooks_.again();
}

// Keeps the next reinit from applying it again.
void Changes::NoteApplied() {
  if (applied_file_.has_value() && applied_content_.has_value()) {
    applied_file_->Write(absl::StrCat(DigestText(*applied_content_), "\n"));
  }
}

void Changes::Retry() {
  const Situation now = hooks_.situation();
  if (state_ != ChangeState::kPending || now.ending) return;
  // Another change is settling: applying half of it would be wrong. Either it
  // comes, or nothing comes and this one is tried again.
  const bool waits = std::exchange(noticed_, false);
  if (now.can_act && !waits) {
    Act(Attempt::kAgain);
  } else {
    retry_timer_.ArmAfter(options_->reload.retry_delay);
  }
}

void Changes::OnStarted(absl::Time began) {
  has_all_before_ = began;
  ForgetFailure();
  ForgetChange();
}

void Changes::ForgetFailure() {
  if (!outcomes_->FailureStands()) failure_.clear();
}

// A started process has every earlier change, unless an action tells others.
// A change that is being checked or applied goes on: the check may build the
// program. A queued change may be newer than the process.
void Changes::ForgetChange() {
  if (state_ == ChangeState::kChecking || state_ == ChangeState::kApplying) {
    return;
  }
  if (next_.has_value() || !action_->StartWillDo()) return;
  retry_timer_.Cancel();
  IncludeAsked();
  unapplied_ = {};
  outcomes_->CoverByStart(context_.loop->Now());
  Move(ChangeInput::kStarted);
}

void Changes::OnStartFailed(const Reason& reason, std::string_view why) {
  failure_ = absl::StrCat(reason.text, ": ", why);
}

void Changes::Cancel() {
  retry_timer_.Cancel();
  context_.loop->Post([gone = std::move(check_)] {});
  action_->Cancel();
}

void Changes::Describe(absl::Time now, bool starts, Status* status) const {
  status->change = ToString(state_);
  const bool known =
      state_ != ChangeState::kNone && state_ != ChangeState::kSettling;
  if (known) status->change_text = current_.text;
  status->attempted_content = attempted_content_;
  status->applied_content = applied_content_;
  status->changes_applied = applied_count_;
  status->changes_failed = failed_count_;
  status->change_failure = failure_;
  if (check_ != nullptr) {
    status->awaited = {"--reload-check", now - check_->started()};
  } else if (state_ == ChangeState::kApplying && !starts) {
    status->awaited = {"--on-change", now - acts_since_};
  }
}

}  // namespace reinit
