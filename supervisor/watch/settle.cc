#include "supervisor/watch/settle.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"

namespace reinit {

Settle::Settle(absl::Duration quiet, bool adapts)
    : quiet_(std::clamp(quiet, absl::ZeroDuration(), kMax)), adapts_(adapts) {}

absl::Duration Settle::quiet() const { return std::max(quiet_, least_); }

bool Settle::OnChange(absl::Time now) {
  const bool first = !active();
  if (first) {
    first_ = now;
    if (std::exchange(early_, false) && now - last_ < quiet()) {
      trusts_ = now + kDistrust;
    } else {
      trusts_ = std::max(trusts_, last_ + kCalm);
    }
  }
  last_ = since_ = now;
  saved_ = absl::InfiniteFuture();
  return first;
}

void Settle::OnSave(bool finished, absl::Time now) {
  if (!active() || !adapts_ || first_ < trusts_) return;
  const bool was = saved_ != absl::InfiniteFuture();
  if (finished == was) return;
  saved_ = finished ? now : absl::InfiniteFuture();
  if (was) since_ = now;
}

absl::Time Settle::next() const {
  if (!active()) return absl::InfiniteFuture();
  return std::min({since_ + quiet(), saved_ + kQuick, first_ + kMax});
}

absl::Duration Settle::Finish(absl::Time now) {
  early_ = saved_ != absl::InfiniteFuture() && now < since_ + quiet();
  return now - std::exchange(first_, absl::InfiniteFuture());
}

}  // namespace reinit
