#include "supervisor/change/outcomes.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr size_t kMaxText = 1000;

absl::Status Failure(std::string_view why) {
  return absl::FailedPreconditionError(why.substr(0, kMaxText));
}

}  // namespace

uint64_t Outcomes::Await(Kind kind) {
  tickets_.push_back({++tickets_given_, kind, Ticket::State::kAsked, {}});
  if (tickets_.size() > kKeptTickets) tickets_.pop_front();
  return tickets_given_;
}

std::optional<absl::Status> Outcomes::Of(uint64_t ticket) const {
  for (const Ticket& one : tickets_) {
    if (one.number == ticket) return one.outcome;
  }
  return absl::NotFoundError("what became of it is not known any more");
}

void Outcomes::Include() {
  for (Ticket& one : tickets_) {
    if (one.kind == Kind::kReload && one.state == Ticket::State::kAsked) {
      one.state = Ticket::State::kTakenUp;
    }
  }
}

void Outcomes::BeginChange(const Reason& change, absl::Time now) {
  taken_up_ = {change, now};
}

void Outcomes::CheckFailed(std::string_view why) {
  taken_up_.reset();
  last_succeeded_ = false;
  start_failed_ = false;
  if (change_.has_value()) change_->overtaken = true;
  if (start_.has_value()) start_->cures = false;
  Answer(Kind::kReload, Ticket::State::kTakenUp, Failure(why));
}

void Outcomes::Begin() {
  // A start that is under way came too early for this one.
  if (start_.has_value()) start_->for_change = false;
  if (taken_up_.has_value()) change_ = std::exchange(taken_up_, std::nullopt);
  for (Ticket& one : tickets_) {
    if (one.state == Ticket::State::kTakenUp) one.state = Ticket::State::kBegun;
  }
}

void Outcomes::ChangeDone(absl::Time now) {
  if (change_.has_value()) change_->done = true;
  Settle(now);
}

void Outcomes::ChangeFailed(std::string_view why) {
  if (!change_.has_value()) return;
  change_.reset();
  if (start_.has_value()) start_->cures = false;
  last_succeeded_ = false;
  start_failed_ = false;
  Answer(Kind::kReload, Ticket::State::kBegun, Failure(why));
}

void Outcomes::CoverByStart(absl::Time now) {
  Begin();
  if (start_.has_value()) start_->for_change = true;
  ChangeDone(now);
}

void Outcomes::Start(const Reason* reason, const Reason* change, bool has_all,
                     absl::Time began) {
  // One that has failed is tried again.
  if (change != nullptr && !change_.has_value()) change_ = {*change, began};
  start_ = {std::nullopt, began, change != nullptr,
            last_succeeded_ == false && (has_all || start_failed_)};
  if (reason != nullptr) start_->reason = *reason;
  if (start_->cures && change_.has_value()) change_->overtaken = false;
}

void Outcomes::Ready(absl::Time now) {
  if (!start_.has_value()) return;
  const Started start = *std::exchange(start_, std::nullopt);
  // One that is part of a change counts with that.
  if (!start.for_change || !change_.has_value()) {
    const bool asked = start.reason.has_value() && start.reason->IsChange();
    if (start.reason.has_value()) Note(*start.reason, start.began, now);
    if (last_succeeded_ == false ? start.cures : asked) {
      last_succeeded_ = true;
      success_time_ = absl::Now();
    }
  }
  Answer(Kind::kRestart, Ticket::State::kAsked, absl::OkStatus());
  Settle(now);
}

void Outcomes::StartFailed(std::string_view why) {
  if (!start_.has_value()) return;
  const Started start = *std::exchange(start_, std::nullopt);
  const bool of_change = start.for_change && change_.has_value();
  const Reason* const reason = of_change                  ? &change_->reason
                               : start.reason.has_value() ? &*start.reason
                                                          : nullptr;
  const absl::Status failure =
      Failure(reason != nullptr ? absl::StrCat(reason->text, ": ", why) : why);
  if (reason != nullptr && reason->IsChange()) {
    last_succeeded_ = false;
    start_failed_ = true;
  }
  if (of_change) change_.reset();
  Answer(Kind::kRestart, Ticket::State::kAsked, failure);
  if (change_.has_value()) return;
  Answer(Kind::kReload, Ticket::State::kBegun, failure);
}

void Outcomes::GivenUp(std::string_view why) {
  StartFailed(why);
  Answer(Kind::kRestart, Ticket::State::kAsked, Failure(why));
}

// All of the change is done, if there is one.
void Outcomes::Settle(absl::Time now) {
  if (start_.has_value() && start_->for_change) return;
  if (change_.has_value() && !change_->done) return;
  if (change_.has_value()) {
    const Change change = *std::exchange(change_, std::nullopt);
    Note(change.reason, change.began, now);
    success_time_ = absl::Now();
    if (!change.overtaken) last_succeeded_ = true;
  }
  Answer(Kind::kReload, Ticket::State::kBegun, absl::OkStatus());
}

void Outcomes::Note(const Reason& reason, absl::Time began, absl::Time now) {
  last_applied_ = {reason.cause, reason.text.substr(0, kMaxText), absl::Now(),
                   now, now - began};
}

// Those of `kind` that have come as far as `state`.
void Outcomes::Answer(Kind kind, Ticket::State state,
                      const absl::Status& outcome) {
  for (Ticket& one : tickets_) {
    const bool meant = one.kind == kind && one.state == state;
    if (meant && !one.outcome.has_value()) one.outcome = outcome;
  }
}

void Outcomes::Describe(absl::Time now, Status* status) const {
  if (last_applied_.has_value()) {
    status->last_applied = {ToString(last_applied_->cause), last_applied_->text,
                            last_applied_->at, now - last_applied_->when,
                            last_applied_->took};
  }
  status->reload_succeeded = last_succeeded_;
  status->reload_success_time = success_time_;
}

}  // namespace reinit
