#include "reaper/spawn_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace reinit {
namespace {

// Clear of the descriptor that helpers find their socket at.
constexpr int kLowestPrivateFd = 10;

// Above every number that the child is to find something at.
int LowestPrivate(const SpawnRequest& request) {
  int lowest = kLowestPrivateFd;
  for (const PassedDescriptor& one : request.descriptors) {
    lowest = std::max(lowest, one.as + 1);
  }
  return lowest;
}

// Copies `fd` to a number that is not below `lowest`.
absl::Status CopyUp(int lowest, int fd, UniqueFd* copy) {
  copy->reset(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
  return copy->valid() ? absl::OkStatus() : SpawnError(errno, "fcntl(F_DUPFD)");
}

}  // namespace

// A limit of our own passes less often than a lack of memory.
absl::Status SpawnError(int error, std::string_view call) {
  const absl::Status status = absl::ErrnoToStatus(error, call);
  return error == EMFILE ? absl::FailedPreconditionError(status.message())
                         : status;
}

absl::StatusOr<SpawnFiles> SpawnFiles::Open(const SpawnRequest& request) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return SpawnError(errno, "pipe2");
  }
  SpawnFiles files;
  files.result.reset(ends[0]);
  files.failure.reset(ends[1]);
  const int lowest = LowestPrivate(request);
  absl::Status status;
  if (request.pass_fd >= 0 || !request.descriptors.empty()) {
    UniqueFd high;
    status = CopyUp(lowest, files.failure.get(), &high);
    files.failure = std::move(high);
  }
  if (status.ok() && request.program_fd >= 0) {
    status = CopyUp(lowest, request.program_fd, &files.program);
  }
  for (const PassedDescriptor& one : request.descriptors) {
    if (!status.ok()) break;
    UniqueFd copy;
    status = CopyUp(lowest, one.fd, &copy);
    files.descriptors.push_back({copy.get(), one.as});
    files.copies.push_back(std::move(copy));
  }
  if (!status.ok()) return status;
  return files;
}

}  // namespace reinit
