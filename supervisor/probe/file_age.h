// Tells whether a file is still being touched.
#ifndef REINIT_SUPERVISOR_PROBE_FILE_AGE_H_
#define REINIT_SUPERVISOR_PROBE_FILE_AGE_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace reinit {

// A process shows that it lives by touching a file (the file check). Its time
// is only ever compared with what it was at the look before, and the age runs
// on the monotonic clock: a wall clock that is set, or that of another machine
// on a shared volume, changes nothing. Pure; one per file.
//
// What stood there at the first look says nothing, since a process before this
// one may have left it behind: kUnknown, until it changes or has had max-age.
class FileAge {
 public:
  enum class Verdict { kUnknown, kFresh, kStale };

  explicit FileAge(absl::Duration max_age) : max_age_(max_age) {}

  // `mtime` in nanoseconds of whatever clock; nothing if there is no file,
  // which is stale at once: when it comes, that is a change.
  // Another `epoch` than before (see ProbeRequest): all is forgotten.
  Verdict Look(absl::Time now, uint32_t epoch, std::optional<int64_t> mtime);

 private:
  const absl::Duration max_age_;
  bool looked_ = false;
  uint32_t epoch_ = 0;
  std::optional<int64_t> mtime_;
  bool changed_ = false;  // ever, in this epoch
  absl::Time since_;      // the last change, or the first look
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_FILE_AGE_H_
