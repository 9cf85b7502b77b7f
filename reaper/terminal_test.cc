#include "reaper/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/signal_mask.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

class TerminalTest : public LeakCheck {
 protected:
  // A child with pipes as descriptors 0 to 2, and as the leader of a session
  // whose terminal is `terminal`.
  static void OnATerminal(absl::FunctionRef<void(int terminal)> body) {
    InChild([&] {
      TakeOverSignals();  // SIGTTOU would stop us
      const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
      ASSERT_EQ(::grantpt(master.get()), 0);
      ASSERT_EQ(::unlockpt(master.get()), 0);
      ASSERT_GT(::setsid(), 0);
      const UniqueFd terminal(
          ::open(::ptsname(master.get()), O_RDWR | O_CLOEXEC));
      ASSERT_TRUE(terminal.valid());
      const Pipe pipe;
      for (int fd = 0; fd <= 2; ++fd) ::dup2(pipe.write.get(), fd);
      body(terminal.get());
    });
  }
};

TEST_F(TerminalTest, NoneOnPipes) {
  OnATerminal([](int) {
    EXPECT_FALSE(OnTerminal());
    EXPECT_EQ(ForegroundTerminal(), -1);
  });
}

TEST_F(TerminalTest, AnyOfTheThreeWillDo) {
  for (int fd = 0; fd <= 2; ++fd) {
    OnATerminal([fd](int terminal) {
      ASSERT_EQ(::dup2(terminal, fd), fd);
      EXPECT_TRUE(OnTerminal());
      EXPECT_EQ(ForegroundTerminal(), fd);
    });
  }
}

TEST_F(TerminalTest, NotInTheBackground) {
  OnATerminal([](int terminal) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const pid_t background = Fork([] {
      ::setpgid(0, 0);
      return OnTerminal() && ForegroundTerminal() == -1 ? 0 : 1;
    });
    EXPECT_EQ(WaitStatus(background), 0);
  });
}

TEST_F(TerminalTest, NotOfAnotherSession) {
  OnATerminal([](int terminal) {
    ASSERT_EQ(::dup2(terminal, 0), 0);
    const pid_t stranger = Fork([] {
      ::setsid();
      return OnTerminal() && ForegroundTerminal() == -1 ? 0 : 1;
    });
    EXPECT_EQ(WaitStatus(stranger), 0);
  });
}

TEST_F(TerminalTest, ClosedDescriptorsAreSurvived) {
  InChild([] {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    EXPECT_FALSE(OnTerminal());
    EXPECT_EQ(ForegroundTerminal(), -1);
  });
}

}  // namespace
}  // namespace reinit
