#include "reaper/self/stdio.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

// Which of descriptors 0 to 2 are closed, as bits: every combination.
class StdioTest : public LeakCheck, public testing::WithParamInterface<int> {
 protected:
  static bool Closed(int fd) { return (GetParam() >> fd & 1) != 0; }
  // In a child, whose failures may have nowhere to be printed to.
  static std::map<int, std::string> CloseAndHold() {
    for (int fd = 0; fd <= 2; ++fd) {
      if (Closed(fd)) ::close(fd);
    }
    std::map<int, std::string> before = OpenDescriptors();
    HoldStandardDescriptors();
    return before;
  }
};

TEST_P(StdioTest, WhatIsClosedGetsAPlaceholderThatEndsAtExec) {
  InChild([] {
    const std::map<int, std::string> before = CloseAndHold();
    std::map<int, std::string> after = OpenDescriptors();
    for (int fd = 0; fd <= 2; ++fd) {
      if (!Closed(fd)) continue;
      EXPECT_EQ(after[fd], "/dev/null");
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
      after.erase(fd);
    }
    EXPECT_EQ(after, before) << "all else is left alone";
  });
}

TEST_P(StdioTest, NothingOfOursLandsThere) {
  InChild([] {
    CloseAndHold();
    const Pipe pipe;
    EXPECT_GT(pipe.read.get(), 2);
    EXPECT_GT(pipe.write.get(), 2);
  });
}

TEST_P(StdioTest, WithoutDevToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const std::string empty = testing::TempDir() + "/empty";
  ::mkdir(empty.c_str(), 0755);
  InChild([&] {
    ASSERT_EQ(::chroot(empty.c_str()), 0);
    CloseAndHold();
    for (int fd = 0; fd <= 2; ++fd) {
      EXPECT_GE(::fcntl(fd, F_GETFD), 0) << fd;
      if (!Closed(fd)) continue;
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
      EXPECT_LT(::write(fd, "x", 1), 0) << "it takes nothing";
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Closed, StdioTest, testing::Range(0, 8));

}  // namespace
}  // namespace reinit
