#include "supervisor/run/replacement.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/messages.h"

namespace reinit {
namespace {

// After this many replacements in a row the next one is left to become ready
// or fail; else a constant writer would never get a new process.
constexpr int kMaxSuperseded = 5;

}  // namespace

bool Replacement::MaySupersede() const {
  return parts_.pair->Overlapping() && parts_.changes->Restarts() &&
         superseded_ < kMaxSuperseded;
}

void Replacement::Judge(const Reason& reason) {
  const pid_t pid = parts_.pair->current()->pid();
  if (reason.IsFailure()) {
    RollBack(absl::StrCat("the new process [", pid, "]: ", reason.text));
  } else if (reason.IsChange() && MaySupersede()) {
    parts_.changes->ApplyOrQueue(reason);
  } else if (reason.IsChange()) {
    parts_.changes->Queue(reason);
    context_.log->Write(LogLevel::kInfo,
                        absl::StrCat(reason.text, ": next, once process [", pid,
                                     "] is ready or has failed"));
  }
}

void Replacement::Supersede(const Reason& reason) {
  ++superseded_;
  const std::string& before = parts_.plan->get()->reason.text;
  const Instance& old = *parts_.pair->leaving();
  context_.log->Event(LogLevel::kInfo, "superseded",
                      absl::StrCat(reason.text, ": takes the place of ", before,
                                   ": stopping the new process [",
                                   parts_.pair->current()->pid(),
                                   "], which is not ready yet: process [",
                                   old.pid(), "] goes on"),
                      {{"generation", old.generation()},
                       {"pid", old.pid()},
                       {"cause", ToString(reason.cause)},
                       {"reason", reason.text},
                       {"changed", reason.changed},
                       {"superseded", before}});
}

void Replacement::Withdraw() {
  Reinstate();
  StopNewOne();
}

void Replacement::RollBack(std::string_view why) {
  superseded_ = 0;
  Reinstate();
  // Before the stop, since the clean-up may be done at once and leads on to
  // what is planned.
  Retry(why);
  StopNewOne();
}

void Replacement::Reinstate() {
  parts_.pair->Reinstate();
  parts_.last_end->CountOomKillsFrom(context_.os->OomKills());
  hooks_.moved();
}

void Replacement::StopNewOne() {
  Instance* const leaving = parts_.pair->leaving();
  if (leaving->alive()) {
    leaving->Stop(options_->stop.signal, options_->stop.timeout);
  } else {
    leaving->CleanUp();
  }
}

void Replacement::LogFailed(LogLevel level, std::string_view line,
                            std::string_view why) {
  const Instance& old = *parts_.pair->current();
  context_.log->Event(level, "replacement_failed", line,
                      {{"generation", old.generation()},
                       {"pid", old.pid()},
                       {"cause", ToString(parts_.plan->reason()->cause)},
                       {"reason", why}});
}

// What failed to start does not cost the one that runs its restarts.
void Replacement::Retry(std::string_view why) {
  RestartPlan& plan = *parts_.plan;
  const Reason& reason = *plan.reason();
  const bool for_failure = reason.IsFailure();
  parts_.changes->OnStartFailed(reason, why);
  const bool for_next = parts_.changes->NextRestarts();
  if (!for_next) parts_.outcomes->StartFailed(why);
  const std::string text =
      absl::StrCat(reason.text, ": ", why, ": process [",
                   parts_.pair->current()->pid(), "] goes on");
  if (for_next) {
    // It may be the cure; without it this would be tried again all the same.
    LogFailed(
        LogLevel::kWarning,
        absl::StrCat(text, ", trying again with ", parts_.changes->next_text()),
        why);
    plan.Postpone(context_.loop->Now());
    hooks_.again();
  } else if (plan.Again(context_.loop->Now())) {
    LogFailed(LogLevel::kWarning,
              absl::StrCat(text, ", trying again in ", Millis(plan->delay)),
              why);
  } else if (for_failure) {
    LogFailed(LogLevel::kWarning, text, why);
    hooks_.give_up(absl::StrCat(reason.text, ": ", why));
    return;
  } else {
    LogFailed(LogLevel::kError,
              absl::StrCat(text, "; ", LimitLine(options_->restart),
                           ": waiting for the next change"),
              why);
    plan.TellFailed(why);
    plan.Drop();
    plan.Forgive();
    return;
  }
  hooks_.start_if_due();
}

void Replacement::EndProbation(int newest_generation) {
  if (!parts_.pair->ReplacedOneDrains(newest_generation)) return;
  Instance* const leaving = parts_.pair->leaving();
  if (leaving->stop_deadline() < absl::InfiniteFuture()) return;
  leaving->StopWithin(options_->stop.timeout);
}

}  // namespace reinit
