// The Supervisor's part in which the new process is brought up beside the old
// one (--restart-order=start-first).
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/messages.h"
#include "supervisor/supervisor.h"

namespace reinit {

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

// The strategies judge the new one. What changes now it may not have: that is
// applied when there is one process again.
void Supervisor::AskReplacement() {
  if (instance_->state() != InstanceState::kUp) return;
  const std::optional<Reason> reason = ShouldRestart(std::nullopt);
  if (!reason.has_value()) return;
  if (reason->IsChange()) {
    next_change_ = reason;
    context_.log->Write(
        LogLevel::kInfo,
        absl::StrCat(reason->text, ": next, once process [", instance_->pid(),
                     "] is ready or has failed"));
  } else if (reason->IsFailure()) {
    RollBack(absl::StrCat("the new process [", instance_->pid(),
                          "]: ", reason->text));
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
  if (!next_change_.has_value() && reload_check_ == nullptr) ForgetChange();
}

// Nobody needs the one any more that went on while the one that replaced it
// had died.
void Supervisor::EndProbation() {
  if (!ReplacedOneDrains()) return;
  if (other_->stop_deadline() < absl::InfiniteFuture()) return;
  other_->StopWithin(options_->stop.timeout);
}

// The old one goes on.
void Supervisor::RollBack(std::string_view why) {
  instance_.swap(other_);
  last_pid_ = instance_->pid();
  TellStrategies();
  // First, since the clean-up may be done at once, and leads on to what is
  // planned.
  RetryReplacement(why);
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
  if (next_change_.has_value()) {
    // It may be the cure.
    log(LogLevel::kWarning,
        absl::StrCat(text, ", trying again with ", next_change_->text));
    planned_->reason = *std::exchange(next_change_, std::nullopt);
    planned_->delay = absl::ZeroDuration();
    backoff_.Reset();
    limit_.Reset();
  } else if (limit_.Take(context_.loop->Now())) {
    planned_->delay = backoff_.Take(random_());
    log(LogLevel::kWarning,
        absl::StrCat(text, ", trying again in ", Millis(planned_->delay)));
  } else if (for_failure) {
    log(LogLevel::kWarning, text);
    GiveUp(change_failure_);
    return;
  } else {
    log(LogLevel::kError, absl::StrCat(text, ", waiting for the next change; ",
                                       GivingUpLine(*options_)));
    if (planned_->done) planned_->done(false);
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
  const ExitStatus status = *other_->exit_status();
  post_stops_due_.push_back({status, other_->generation()});
  const bool served = !other_->stop_requested();
  context_.log->Write(
      served ? LogLevel::kInfo : LogLevel::kDebug,
      absl::StrCat("process [", other_->pid(), "] ended: ", status.ToString(),
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
