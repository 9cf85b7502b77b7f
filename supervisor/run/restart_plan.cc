#include "supervisor/run/restart_plan.h"

#include <utility>

namespace reinit {

bool RestartPlan::Make(const Reason& reason, OnDone done, bool stable,
                       int replaces, absl::Time now) {
  if (stable || !reason.IsFailure()) backoff_.Reset();
  if (!reason.IsFailure()) limit_.Reset();
  if (reason.IsFailure() && !limit_.Take(now)) return false;
  // A reload that failed to start is still the same reload when it is retried.
  if (!done && planned_.has_value()) done = std::move(planned_->done);
  planned_.emplace();
  planned_->reason = reason;
  planned_->done = std::move(done);
  planned_->began = now;
  planned_->replaces = replaces;
  if (reason.IsFailure()) planned_->delay = backoff_.Take((*random_)());
  return true;
}

bool RestartPlan::Again(absl::Time now) {
  if (!limit_.Take(now)) return false;
  Postpone(now);
  return true;
}

void RestartPlan::Postpone(absl::Time now) {
  planned_->delay = backoff_.Take((*random_)());
  planned_->began = now;
}

void RestartPlan::Forgive() {
  backoff_.Reset();
  limit_.Reset();
}

std::optional<RestartPlan::Planned> RestartPlan::Finish(absl::Time now) {
  std::optional<Planned> planned = std::exchange(planned_, std::nullopt);
  if (planned.has_value()) {
    history_.Note(planned->reason, now, planned->replaces);
  }
  return planned;
}

void RestartPlan::TellFailed(std::string_view why) {
  if (awaited()) planned_->done(absl::AbortedError(why));
}

void RestartPlan::Describe(absl::Time now, Status* status) const {
  for (int i = 0; i < Reason::kCauses; ++i) {
    const auto cause = static_cast<Reason::Cause>(i);
    status->restarts.emplace_back(ToString(cause), history_.count(cause));
  }
  for (const RestartHistory::Entry& entry : history_.last()) {
    status->last_restarts.push_back({ToString(entry.cause), entry.text,
                                     now - entry.when, entry.generation});
  }
  status->limit.used = limit_.Used(now);
  status->limit.burst = limit_.burst();
}

}  // namespace reinit
