#include "reaper/self/children.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cctype>
#include <string>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// Adds the pids of a `children` file. False if it cannot be read.
bool AddChildren(const std::string& path, std::vector<pid_t>* pids) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char buffer[4096];
  pid_t pid = 0;
  for (;;) {
    const ssize_t got = ::read(file, buffer, sizeof(buffer));
    if (got <= 0) {
      ::close(file);
      return got == 0;
    }
    // A number may go on behind the end of the buffer; a blank ends it.
    for (ssize_t i = 0; i < got; ++i) {
      if (std::isdigit(static_cast<unsigned char>(buffer[i])) != 0) {
        pid = 10 * pid + (buffer[i] - '0');
      } else if (pid != 0) {
        pids->push_back(pid);
        pid = 0;
      }
    }
  }
}

}  // namespace

std::optional<std::vector<pid_t>> OwnChildren() {
  std::vector<pid_t> pids;
  if (!AddChildren("/proc/thread-self/children", &pids)) return std::nullopt;
  return pids;
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> pids;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  DIR* const directory = ::opendir(tasks.c_str());
  if (directory == nullptr) return pids;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    AddChildren(absl::StrCat(tasks, "/", entry->d_name, "/children"), &pids);
  }
  ::closedir(directory);
  return pids;
}

}  // namespace reinit
