#include "reaper/self/file_user.h"

#include <signal.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr uid_t kUser = 65533;
constexpr gid_t kGroup = 65532;

uid_t User() { return static_cast<uid_t>(::setfsuid(static_cast<uid_t>(-1))); }
gid_t Group() { return static_cast<gid_t>(::setfsgid(static_cast<gid_t>(-1))); }

class FileUserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const FileUser user(kUser, kGroup);
    if (User() != kUser) GTEST_SKIP() << "may not become another user";
  }
};

TEST_F(FileUserTest, IsAnotherUntilItEnds) {
  {
    const FileUser user(kUser, kGroup);
    EXPECT_EQ(User(), kUser);
    EXPECT_EQ(Group(), kGroup);
    EXPECT_EQ(::geteuid(), ::getuid());
  }
  EXPECT_EQ(User(), ::geteuid());
  EXPECT_EQ(Group(), ::getegid());
}

TEST_F(FileUserTest, PutsBackWhatTheKernelForgets) {
  ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
  ::prctl(PR_SET_DUMPABLE, 1);
  { const FileUser user(kUser, kGroup); }
  int signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  EXPECT_EQ(signal, SIGUSR1);
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  ::prctl(PR_SET_PDEATHSIG, 0);
}

// Why that is needed.
TEST_F(FileUserTest, TwinTheKernelForgets) {
  ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
  ::prctl(PR_SET_DUMPABLE, 1);
  ::setfsuid(kUser);
  ::setfsuid(::geteuid());
  int signal = -1;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  EXPECT_EQ(signal, 0);
  ::prctl(PR_SET_PDEATHSIG, 0);
  ::prctl(PR_SET_DUMPABLE, 1);
}

TEST_F(FileUserTest, WithoutTheRightsNothingChanges) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(kGroup) != 0 || ::setuid(kUser) != 0) ::_exit(2);
    const FileUser user(1, 1);
    ::_exit(User() == kUser && Group() == kGroup ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(FileUserTestOfOneself, ChangesNothing) {
  const FileUser user(::geteuid(), ::getegid());
  EXPECT_EQ(User(), ::geteuid());
}

}  // namespace
}  // namespace reinit
