#include "reaper/fork_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// In a container its own cgroup is what is mounted there: version 2, 1.
constexpr std::string_view kCgroups[] = {"/sys/fs/cgroup/",
                                         "/sys/fs/cgroup/pids/"};

std::string Read(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char buffer[64];
  const ssize_t got =
      file.valid() ? ::read(file.get(), buffer, sizeof(buffer)) : 0;
  return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : "";
}

}  // namespace

std::string ExplainProcessLimit(std::string_view max,
                                std::string_view current) {
  int64_t limit = 0;
  int64_t count = 0;
  if (absl::SimpleAtoi(max, &limit) && absl::SimpleAtoi(current, &count) &&
      count >= limit) {
    return absl::StrCat("the pids limit of the container is reached (pids.max ",
                        limit,
                        "): end processes, or raise it (--pids-limit of docker "
                        "and podman, podPidsLimit of the kubelet)");
  }
  return "a limit of processes is reached: pids.max of the cgroup, ulimit -u "
         "of the user, or kernel.pid_max and kernel.threads-max";
}

absl::Status ForkError(int error) {
  absl::Status status = absl::ErrnoToStatus(error, "fork");
  if (error != EAGAIN) return status;
  std::string max;
  std::string current;
  for (const std::string_view cgroup : kCgroups) {
    if (max.empty()) {
      max = Read(absl::StrCat(cgroup, "pids.max"));
      current = Read(absl::StrCat(cgroup, "pids.current"));
    }
  }
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), ": ", ExplainProcessLimit(max, current)));
}

}  // namespace reinit
