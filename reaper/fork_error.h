// Explains why fork was refused.
#ifndef REINIT_REAPER_FORK_ERROR_H_
#define REINIT_REAPER_FORK_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace reinit {

// The status of a fork that failed with `error`, as absl::ErrnoToStatus has it.
// For EAGAIN the message names the limit; that reads files of the cgroup.
absl::Status ForkError(int error);

// Which limit of processes was met. `max` and `current` are the contents of the
// cgroup's pids.max and pids.current; empty: there are none.
std::string ExplainProcessLimit(std::string_view max, std::string_view current);

}  // namespace reinit

#endif  // REINIT_REAPER_FORK_ERROR_H_
