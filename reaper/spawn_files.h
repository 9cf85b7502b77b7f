// Opens what a spawn holds open while it starts a process.
#ifndef REINIT_REAPER_SPAWN_FILES_H_
#define REINIT_REAPER_SPAWN_FILES_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "reaper/os.h"
#include "reaper/unique_fd.h"

namespace reinit {

// The pipe for the result, and copies of what the child is given, with numbers
// that are clear of those that the child finds them at. A value that owns its
// descriptors; all of them are close-on-exec.
struct SpawnFiles {
  // Fails as Os::Spawn does: FailedPrecondition if this process has too many
  // descriptors open, otherwise the status of the errno.
  static absl::StatusOr<SpawnFiles> Open(const SpawnRequest& request);

  UniqueFd result;               // readable, non-blocking
  UniqueFd failure;              // the child's end of it
  UniqueFd program;              // invalid unless the request has program_fd
  std::vector<UniqueFd> copies;  // of request.descriptors
  std::vector<PassedDescriptor> descriptors;  // the same, for dup2 in the child
};

// The status of a failed call that a spawn needs.
absl::Status SpawnError(int error, std::string_view call);

}  // namespace reinit

#endif  // REINIT_REAPER_SPAWN_FILES_H_
