#include "supervisor/watch/sweep_plan.h"

#include <algorithm>

#include "absl/time/time.h"

namespace reinit {

void SweepPlan::OnSweep(absl::Time begin, absl::Time end, absl::Duration cost) {
  borrowed_ = DebtAt(begin) > pace_.cost();
  pace_.OnSweep(cost);
  sweep_ = {begin, end, cost};
  recent_ = {begin, end, recent_.cost};  // they were part of it
  Spend(end, cost);
}

void SweepPlan::OnRecent(absl::Time begin, absl::Time end,
                         absl::Duration cost) {
  recent_ = {begin, end, cost};
  Spend(end, cost);
}

absl::Time SweepPlan::next() const {
  const absl::Time soon = Soon(sweep_);
  const bool editing = soon < changed_ + kEditing;
  const absl::Duration cost = pace_.cost();
  if (editing && DebtAt(soon) + cost <= kMaxDebt) return soon;
  absl::Duration paid_off = cost * Pace::kSweepsPerDelay;
  // While somebody edits a fifth is left for other looks, else half.
  if (borrowed_) paid_off *= editing ? 1.25 : 2;
  return std::max(sweep_.end + std::max(delay_, paid_off),
                  debt_at_ + (debt_ - kMaxDebt) * Pace::kSweepsPerDelay);
}

absl::Time SweepPlan::next_recent() const {
  const absl::Time soon = Soon(recent_);
  const absl::Duration most = kMaxDebt + kReserve + 2 * pace_.cost();
  const bool wanted = pace_.delay() > delay_ && soon < changed_ + kRecent &&
                      DebtAt(soon) + recent_.cost <= most;
  return wanted ? soon : absl::InfiniteFuture();
}

void SweepPlan::Spend(absl::Time now, absl::Duration cost) {
  debt_ = DebtAt(now) + cost;
  debt_at_ = now;
}

absl::Duration SweepPlan::DebtAt(absl::Time now) const {
  const absl::Duration paid = (now - debt_at_) / Pace::kSweepsPerDelay;
  return std::max(absl::ZeroDuration(), debt_ - paid);
}

}  // namespace reinit
