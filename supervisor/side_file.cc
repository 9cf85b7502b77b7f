#include "supervisor/termination_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "reaper/unique_fd.h"

namespace reinit {
namespace {

constexpr size_t kMost = 4096;

}  // namespace

absl::Status WriteSmallFile(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(
      path.c_str(),
      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
  if (!file.valid()) return absl::ErrnoToStatus(errno, "cannot be opened");
  text = text.substr(0, kMost);
  if (::write(file.get(), text.data(), text.size()) < 0) {
    return absl::ErrnoToStatus(errno, "cannot be written");
  }
  return absl::OkStatus();
}

}  // namespace reinit
