// The environment of the user's processes, made anew for each start.
#ifndef REINIT_SUPERVISOR_ENVIRONMENT_H_
#define REINIT_SUPERVISOR_ENVIRONMENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace reinit {

// `base` with the files' entries over it and `entries` over those; of one name
// the last one stays, at the place of the first. A file has one KEY=value a
// line as for `docker run --env-file`: taken literally, without quotes or
// expansion; empty lines and lines that begin with # are skipped. The error
// names file and line.
absl::StatusOr<std::vector<std::string>> MakeEnvironment(
    const std::vector<std::string>& base, const std::vector<std::string>& files,
    const std::vector<std::string>& entries);

// The same without files, which cannot fail.
std::vector<std::string> OverlayEntries(
    std::vector<std::string> base, const std::vector<std::string>& entries);

// As one text, each entry with a NUL behind it, and back. What stands behind a
// NUL in an entry is lost, as it would be at the exec.
std::string PackEntries(const std::vector<std::string>& entries);
std::vector<std::string> UnpackEntries(std::string_view packed);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ENVIRONMENT_H_
