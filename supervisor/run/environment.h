// Makes the environment of the user's processes, again for each start.
#ifndef REINIT_SUPERVISOR_RUN_ENVIRONMENT_H_
#define REINIT_SUPERVISOR_RUN_ENVIRONMENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reinit {

// Returns `base` with the files' entries over it and `entries` over those. If a
// name is set twice, the last value counts, at the place of the first. A file
// has one KEY=value a line as for `docker run --env-file`: the value is taken
// literally, without quotes or expansion; blanks before the name, empty lines
// and lines that begin with # are skipped. `export KEY=value`, as in files for
// a shell, sets KEY. A line with a NUL byte is an error. The error names file
// and line.
absl::StatusOr<std::vector<std::string>> MakeEnvironment(
    const std::vector<std::string>& base, const std::vector<std::string>& files,
    const std::vector<std::string>& entries);

// The same without files, which cannot fail.
std::vector<std::string> OverlayEntries(
    const std::vector<std::string>& base,
    const std::vector<std::string>& entries);

// An error if the name in `entry`, which has one before its '=', has a blank:
// no shell could read that, so it is a mistake.
absl::Status CheckEntryName(std::string_view entry);

// Packs entries into one text, each with a NUL after it, and unpacks them. What
// follows a NUL in an entry is lost, as it would be at the exec.
std::string PackEntries(const std::vector<std::string>& entries);
std::vector<std::string> UnpackEntries(std::string_view packed);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_ENVIRONMENT_H_
