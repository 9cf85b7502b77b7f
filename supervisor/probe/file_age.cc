#include "supervisor/probe/file_age.h"

namespace reinit {

FileAge::Verdict FileAge::Look(absl::Time now, uint32_t epoch,
                               std::optional<int64_t> mtime) {
  if (!looked_ || epoch != epoch_) {
    looked_ = true;
    epoch_ = epoch;
    mtime_ = mtime;
    changed_ = false;
    since_ = now;
  } else if (mtime != mtime_) {
    mtime_ = mtime;
    changed_ = true;
    since_ = now;
  }
  if (!mtime.has_value() || now - since_ > max_age_) return Verdict::kStale;
  return changed_ ? Verdict::kFresh : Verdict::kUnknown;
}

}  // namespace reinit
