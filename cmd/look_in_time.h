// A look at what the user has named, before anything is started.
#ifndef REINIT_CMD_LOOK_IN_TIME_H_
#define REINIT_CMD_LOOK_IN_TIME_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace reinit {

inline constexpr absl::Duration kLookPatience = absl::Seconds(5);

// What `look` returns, which a child runs, since the file system may not answer
// (NFS, FUSE) and PID 1 would hang with it; DeadlineExceeded where it does not
// answer within `patience`, Unavailable where no child was to be had. Blocks
// for that long at most, so to be called only before there is an event loop
// (SideChild is for later). Of a message that is too long for a pipe at once
// the rest is cut off. A child that hangs in the kernel is killed and left to
// whoever reaps.
absl::Status LookInTime(absl::FunctionRef<absl::Status()> look,
                        absl::Duration patience = kLookPatience);

// Of a status from there: no answer was had. Then the value is taken all the
// same, and that is a warning.
inline bool IsUnseen(const absl::Status& look) {
  return absl::IsDeadlineExceeded(look) || absl::IsUnavailable(look);
}

}  // namespace reinit

#endif  // REINIT_CMD_LOOK_IN_TIME_H_
