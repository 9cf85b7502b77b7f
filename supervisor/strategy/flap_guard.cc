#include "supervisor/strategy/flap_guard.h"

namespace reinit {
namespace {

// The middle of the backoff's spread: one process flaps by itself.
constexpr double kNoSpread = 0.5;

}  // namespace

void FlapGuard::OnReload(absl::Time now, std::string_view file) {
  file_ = std::string(file);
  since_ = now;
  due_ = absl::InfinitePast();
  counted_ = false;
}

void FlapGuard::OnStart(absl::Time now) {
  const bool caused = since_ != absl::InfinitePast() && !counted_;
  if (caused) since_ = now;
}

bool FlapGuard::OnChange(absl::Time now, std::string_view file) {
  const bool same = !file.empty() && file == file_;
  if (same && (counted_ || due_ > now)) return false;
  counted_ = true;
  if (!same || now - since_ > kSoon) {
    row_ = 0;
    backoff_.Reset();
    due_ = absl::InfinitePast();
    return false;
  }
  if (++row_ < kRow) return false;
  due_ = now + backoff_.Take(kNoSpread);
  return row_ == kRow;
}

}  // namespace reinit
