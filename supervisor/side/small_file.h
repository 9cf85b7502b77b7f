// Reads a small file that the user has named.
#ifndef REINIT_SUPERVISOR_SIDE_SMALL_FILE_H_
#define REINIT_SUPERVISOR_SIDE_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace reinit {

inline constexpr size_t kMaxSmallFile = 64 * 1024;

// All of a regular file. May hang if its file system does, so it is for a
// SideRead. The error tells the reason: a fifo or a device, too large, not
// there...
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_SMALL_FILE_H_
