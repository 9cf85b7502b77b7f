#include "supervisor/side/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "reaper/unique_fd.h"

namespace reinit {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  const auto failed = [] {
    return absl::FailedPreconditionError(::strerrordesc_np(errno));
  };
  const UniqueFd file(
      ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat found;
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return failed();
  if (!S_ISREG(found.st_mode)) {
    return absl::FailedPreconditionError("not a regular file");
  }
  std::string content;
  char part[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), part, sizeof(part));
    if (got < 0) return failed();
    if (got == 0) return content;
    content.append(part, static_cast<size_t>(got));
    if (content.size() > kMaxSmallFile) {
      return absl::FailedPreconditionError("larger than 64 KiB");
    }
  }
}

}  // namespace reinit
