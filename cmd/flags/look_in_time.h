// Looks at what the user has named, in a child with a deadline, before anything
// is started.
#ifndef REINIT_CMD_FLAGS_LOOK_IN_TIME_H_
#define REINIT_CMD_FLAGS_LOOK_IN_TIME_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reinit {

inline constexpr absl::Duration kLookPatience = absl::Seconds(5);

// Runs `look` in a child and returns its result: the file system may not answer
// (NFS, FUSE), and PID 1 would hang with it. DeadlineExceeded if `look` does
// not answer within `patience`, Unavailable if no child could be made. Blocks
// for `patience` at most, so call it only before there is an event loop
// (SideChild is for later). A message that does not fit into a pipe at once is
// cut. A child that hangs in the kernel is killed; whoever reaps finds it.
absl::Status LookInTime(absl::FunctionRef<absl::Status()> look,
                        absl::Duration patience = kLookPatience);

// The same for a look that finds a text, which is cut if it does not fit.
absl::StatusOr<std::string> AskInTime(
    absl::FunctionRef<absl::StatusOr<std::string>()> look,
    absl::Duration patience = kLookPatience);

// True if LookInTime got no answer: the value is taken with a warning.
inline bool IsUnseen(const absl::Status& look) {
  return absl::IsDeadlineExceeded(look) || absl::IsUnavailable(look);
}

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_LOOK_IN_TIME_H_
