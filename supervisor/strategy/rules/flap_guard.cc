#include "supervisor/strategy/rules/flap_guard.h"

#include <algorithm>
#include <utility>

namespace reinit {
namespace {

// The middle of the backoff's spread: one process flaps by itself.
constexpr double kNoSpread = 0.5;

// So many in a row a person does not make: waits grow.
constexpr int kSure = 2 * FlapGuard::kRow;

// So many holds in which there were further changes: nobody saves for so long.
constexpr int kNoisyRow = 20;

// Whatever comes later than this after a start is somebody's schedule.
constexpr absl::Duration kLongestBuild = absl::Seconds(30);

bool Alike(absl::Duration a, absl::Duration b) {
  const absl::Duration longer = std::max(a, b);
  return longer <= kLongestBuild &&
         longer - std::min(a, b) <= longer / 4 + absl::Milliseconds(200);
}

}  // namespace

void FlapGuard::OnReload(uint64_t files) {
  const bool noisy = std::exchange(noisy_, false);
  if (again_) {
    Forget();
  } else if (noisy && ++noisy_row_ < kNoisyRow) {
    row_ = std::min(row_, kRow);
  }
  files_ = files;
  reloaded_ = true;
  started_ = absl::InfinitePast();
  due_ = absl::InfinitePast();
  counted_ = false;
}

void FlapGuard::OnStart(absl::Time now) {
  if (reloaded_ && !counted_) started_ = now;
}

bool FlapGuard::OnChange(absl::Time now, const Change& change) {
  const bool same =
      reloaded_ && ((change.files != 0 && change.files == files_) ||
                    (change.by_command && by_command_));
  if (same && due_ > now) {
    noisy_ = true;
    // So often a person does not save: the hold stays as long as it is.
    if (noisy_row_ >= kNoisyRow) return false;
    const absl::Time quiet = now + kHold;
    again_ = quiet < due_;
    due_ = std::min(due_, quiet);
    return false;
  }
  if (same && counted_) return false;
  counted_ = true;
  const bool caused = Caused(now, change) && same;
  by_command_ = change.by_command;
  if (!caused) {
    Forget();
    return false;
  }
  if (++row_ < kRow) return false;
  due_ = now + (row_ < kSure ? kHold : backoff_.Take(kNoSpread));
  return row_ == kRow;
}

// Whether the reload may have led to it.
bool FlapGuard::Caused(absl::Time now, const Change& change) {
  if (change.by_command) return true;
  if (started_ == absl::InfinitePast()) return false;
  const absl::Duration before = std::exchange(delay_, now - started_);
  return delay_ <= kSoon || Alike(delay_, before);
}

void FlapGuard::Forget() {
  row_ = 0;
  backoff_.Reset();
  due_ = absl::InfinitePast();
  again_ = false;
  noisy_row_ = 0;
}

}  // namespace reinit
