// Provides a fixture for tests that open descriptors, fork, or touch the signal
// mask.
#ifndef REINIT_REAPER_LEAK_CHECK_H_
#define REINIT_REAPER_LEAK_CHECK_H_

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <map>
#include <string>

#include "gtest/gtest.h"

namespace reinit {

// What this process has open: number and what /proc says it is.
inline std::map<int, std::string> OpenDescriptors() {
  std::map<int, std::string> result;
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return result;
  while (const dirent* entry = ::readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || fd == ::dirfd(directory)) continue;
    char target[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::string(entry->d_name);
    const ssize_t size = ::readlink(link.c_str(), target, sizeof(target));
    result[fd] = std::string(target, size > 0 ? static_cast<size_t>(size) : 0);
  }
  ::closedir(directory);
  return result;
}

// Whether this process has a child, alive or not yet reaped.
inline bool HasChildren() {
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ||
         errno != ECHILD;
}

// The mask of blocked signals, bit (signo - 1), glibc's own 32 and 33 included.
inline uint64_t BlockedSignals() {
  uint64_t mask = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, nullptr, &mask, sizeof(mask));
  return mask;
}

// Each test must end as it began: no child, the same descriptors, the same
// signal mask. Looks when the derived fixture's members are gone, too, so they
// may own what is checked.
class LeakCheck : public testing::Test {
 protected:
  LeakCheck() : descriptors_(OpenDescriptors()), blocked_(BlockedSignals()) {
    EXPECT_FALSE(HasChildren()) << "before the test";
  }
  ~LeakCheck() override {
    EXPECT_EQ(OpenDescriptors(), descriptors_) << "descriptors leaked";
    EXPECT_FALSE(HasChildren()) << "a child is left";
    EXPECT_EQ(BlockedSignals(), blocked_) << "the signal mask was changed";
  }

 private:
  const std::map<int, std::string> descriptors_;
  const uint64_t blocked_;
};

}  // namespace reinit

#endif  // REINIT_REAPER_LEAK_CHECK_H_
