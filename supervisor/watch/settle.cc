#include "supervisor/watch/settle.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"

namespace reinit {

Settle::Settle(absl::Duration quiet) : quiet_(std::clamp(quiet, kMin, kMax)) {}

bool Settle::OnChange(absl::Time now) {
  const bool first = !active();
  if (first) first_ = now;
  last_ = now;
  return first;
}

absl::Time Settle::next() const {
  return active() ? std::min(last_ + quiet_, first_ + kMax)
                  : absl::InfiniteFuture();
}

absl::Duration Settle::Finish(absl::Time now) {
  return now - std::exchange(first_, absl::InfiniteFuture());
}

}  // namespace reinit
