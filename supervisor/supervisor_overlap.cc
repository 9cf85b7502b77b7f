// The Supervisor's part in which the new process is brought up beside the old
// one (--restart-order=start-first).
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/messages.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// After so many in a row the next one is let be until it is ready or has
// failed, whatever changes: else who writes all the time would have none of it.
constexpr int kMaxSuperseded = 5;

}  // namespace

// The old one serves, the new one is not ready yet.
bool Supervisor::Overlapping() const {
  return end_ == End::kStaying && instance_ != nullptr && other_ != nullptr &&
         other_->alive() && !other_->stop_requested();
}

// One that serves nobody has nothing to hand over.
bool Supervisor::StartsFirst() const {
  return options_->restart.order == RestartOptions::Order::kStartFirst &&
         instance_ != nullptr && other_ == nullptr &&
         instance_->state() == InstanceState::kReady;
}

// A planned start waits for nothing any more but its delay.
bool Supervisor::StartIsDue() const {
  return planned_.has_value() && !Preparing() && !start_timer_.armed() &&
         (instance_ == nullptr || StartsFirst());
}

bool Supervisor::ReplacedOneDrains() const {
  return other_ != nullptr && other_->alive() &&
         other_->generation() < generation_ && !Overlapping();
}

Instance* Supervisor::Serving() const {
  return Overlapping() ? other_.get() : instance_.get();
}

// The strategies judge the new one. What changes now it may not have.
void Supervisor::AskReplacement() {
  if (instance_->state() != InstanceState::kUp) return;
  const std::optional<Reason> reason = ShouldRestart(std::nullopt);
  if (!reason.has_value()) return;
  NoteCause(*reason);
  if (reason->IsFailure()) {
    RollBack(absl::StrCat("the new process [", instance_->pid(),
                          "]: ", reason->text));
  } else if (reason->IsChange() && MaySupersede()) {
    TakeUp(*reason);
  } else if (reason->IsChange()) {
    next_change_ = reason;
    context_.log->Write(
        LogLevel::kInfo,
        absl::StrCat(reason->text, ": next, once process [", instance_->pid(),
                     "] is ready or has failed"));
  }
}

// The new one is ready.
void Supervisor::TakeOver() {
  if (!Overlapping()) {
    EndProbation();
    return;
  }
  StopProcess(other_.get());
  if (!planned_->reason.IsFailure()) {
    backoff_.Reset();
    limit_.Reset();
  }
  FinishRestart();
}

// Nobody needs the one any more that went on while the one that replaced it
// had died.
void Supervisor::EndProbation() {
  if (!ReplacedOneDrains()) return;
  if (other_->stop_deadline() < absl::InfiniteFuture()) return;
  other_->StopWithin(options_->stop.timeout);
}

bool Supervisor::MaySupersede() const {
  return Overlapping() && action_->Restarts() && superseded_ < kMaxSuperseded;
}

// The new one serves nobody: for a newer change another is started in its
// place, once it is gone.
void Supervisor::Supersede(const Reason& reason, Action::OnDone done) {
  ++superseded_;
  const std::string before = planned_->reason.text;
  context_.log->Event(
      LogLevel::kInfo, "superseded",
      absl::StrCat(reason.text, ": takes the place of ", before,
                   ": stopping the new process [", instance_->pid(),
                   "], which is not ready yet: process [", other_->pid(),
                   "] goes on"),
      {{"generation", other_->generation()},
       {"pid", other_->pid()},
       {"cause", ToString(reason.cause)},
       {"reason", reason.text},
       {"changed", reason.changed},
       {"superseded", before}});
  Plan(reason, std::move(done));
  Reinstate();
  StopReplacement();
}

// The old one goes on.
void Supervisor::RollBack(std::string_view why) {
  superseded_ = 0;
  Reinstate();
  // First, since the clean-up may be done at once, and leads on to what is
  // planned.
  RetryReplacement(why);
  StopReplacement();
}

void Supervisor::Reinstate() {
  instance_.swap(other_);
  last_pid_ = instance_->pid();
  oom_kills_ = context_.os->OomKills();  // from here on they are its own
  TellStrategies();
}

void Supervisor::StopReplacement() {
  if (other_->alive()) {
    other_->Stop(options_->stop.signal, options_->stop.timeout);
  } else {
    other_->CleanUp();
  }
}

// What failed to start does not cost the one that runs its restarts.
void Supervisor::RetryReplacement(std::string_view why) {
  const bool for_failure = planned_->reason.IsFailure();
  change_failure_ = absl::StrCat(planned_->reason.text, ": ", why);
  const bool for_next = next_change_.has_value() && action_->Restarts();
  if (!for_next) outcomes_.StartFailed(why);
  const auto log = [&](LogLevel level, std::string_view line) {
    context_.log->Event(level, "replacement_failed", line,
                        {{"generation", instance_->generation()},
                         {"pid", instance_->pid()},
                         {"cause", ToString(planned_->reason.cause)},
                         {"reason", why}});
  };
  const std::string text =
      absl::StrCat(planned_->reason.text, ": ", why, ": process [",
                   instance_->pid(), "] goes on");
  if (for_next) {
    // It may be the cure; without it this would be tried again all the same.
    log(LogLevel::kWarning,
        absl::StrCat(text, ", trying again with ", next_change_->text));
    planned_->delay = backoff_.Take(random_());
    AfterChange();
  } else if (limit_.Take(context_.loop->Now())) {
    planned_->delay = backoff_.Take(random_());
    log(LogLevel::kWarning,
        absl::StrCat(text, ", trying again in ", Millis(planned_->delay)));
  } else if (for_failure) {
    log(LogLevel::kWarning, text);
    GiveUp(change_failure_);
    return;
  } else {
    log(LogLevel::kError, absl::StrCat(text, "; ", LimitLine(options_->restart),
                                       ": waiting for the next change"));
    if (planned_->done) planned_->done(absl::AbortedError(why));
    planned_.reset();
    backoff_.Reset();
    limit_.Reset();
    return;
  }
  planned_->began = context_.loop->Now();
  if (StartIsDue()) start_timer_.ArmAfter(planned_->delay);
}

void Supervisor::OnOther(Instance::Event event) {
  switch (event) {
    case Instance::Event::kStopped:
      if (Overlapping()) job_control_.OnStopped(*other_);
      return;
    case Instance::Event::kExited:
      OnOtherExited();
      return;
    case Instance::Event::kGone:
      OnOtherGone();
      return;
    default:
      return;
  }
}

void Supervisor::OnOtherExited() {
  killed_for_memory_ = false;  // oom_kills_ is of the newest start
  NoteExit(*other_);
  const bool served = !other_->stop_requested();
  context_.log->Write(
      served ? LogLevel::kInfo : LogLevel::kDebug,
      absl::StrCat("process [", other_->pid(), "] ended: ", last_exit_,
                   served ? ", while another is being started" : ""));
  if (end_ != End::kStaying) {
    DropInstance(other_);
    Finish();
    return;
  }
  other_->CleanUp();
  // From here on it is a start like any other.
  if (served && instance_->state() == InstanceState::kUp) FinishRestart();
}

void Supervisor::OnOtherGone() {
  DropInstance(other_);
  RunPostStop(&Supervisor::AfterStop);
}

}  // namespace reinit
