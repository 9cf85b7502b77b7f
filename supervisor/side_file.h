// The last words of a container.
#ifndef REINIT_SUPERVISOR_TERMINATION_LOG_H_
#define REINIT_SUPERVISOR_TERMINATION_LOG_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace reinit {

// Replaces the content of `path` with the first 4096 bytes of `text`
// (Kubernetes takes no more). Waits for no reader, if it is a fifo.
absl::Status WriteSmallFile(const std::string& path, std::string_view text);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_TERMINATION_LOG_H_
