#include "reaper/self/signal_mask.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

constexpr uint64_t Bit(int signo) { return uint64_t{1} << (signo - 1); }

// These two can never be blocked: the kernel leaves them out.
constexpr uint64_t kAll = ~(Bit(SIGKILL) | Bit(SIGSTOP));

uint64_t OwnField(const std::string& name) {
  uint64_t value = 0;
  EXPECT_TRUE(absl::SimpleHexAtoi(
      StatusField(ReadFile("/proc/self/status"), name), &value));
  return value;
}

struct Inherited {
  uint64_t blocked;
  bool child_ignored;
};

class SignalMask : public LeakCheck,
                   public testing::WithParamInterface<Inherited> {
 protected:
  static void Inherit() {
    const uint64_t mask = GetParam().blocked;
    ASSERT_EQ(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr,
                        sizeof(mask)),
              0);
    ::signal(SIGCHLD, GetParam().child_ignored ? SIG_IGN : SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
  }
};

TEST_P(SignalMask, IsTakenOverAndHandedOnExactly) {
  InChild([] {
    Inherit();
    const uint64_t ignored = OwnField("SigIgn");
    EXPECT_EQ((ignored & Bit(SIGCHLD)) != 0, GetParam().child_ignored);

    const SignalState state = TakeOverSignals();
    EXPECT_EQ(state.blocked, GetParam().blocked);
    EXPECT_EQ(state.child_ignored, GetParam().child_ignored);
    EXPECT_EQ(OwnField("SigBlk"), kAll);
    EXPECT_EQ(OwnField("SigIgn"), ignored & ~Bit(SIGCHLD));

    const pid_t child = Fork([&] {
      RestoreSignals(state);
      EXPECT_EQ(OwnField("SigBlk"), GetParam().blocked);
      EXPECT_EQ(OwnField("SigIgn"), ignored);
      return testing::Test::HasFailure() ? 1 : 0;
    });
    // With SIGCHLD still ignored there would be nobody to wait for.
    EXPECT_EQ(WaitStatus(child), 0);
    // The parent's own is not touched by that.
    EXPECT_EQ(OwnField("SigBlk"), kAll);
  });
}

INSTANTIATE_TEST_SUITE_P(
    AllOfThem, SignalMask,
    testing::Values(Inherited{0, false}, Inherited{0, true},
                    Inherited{kAll, false}, Inherited{kAll, true},
                    // glibc's own two, and the last.
                    Inherited{Bit(32) | Bit(33), false},
                    Inherited{Bit(SIGUSR1) | Bit(64), true},
                    Inherited{Bit(SIGCHLD) | Bit(SIGTERM), false}));

using SignalMaskTwice = LeakCheck;

TEST_F(SignalMaskTwice, ASecondTakeOverSeesTheFirst) {
  InChild([] {
    TakeOverSignals();
    const SignalState again = TakeOverSignals();
    EXPECT_EQ(again.blocked, kAll);
    EXPECT_FALSE(again.child_ignored);
  });
}

}  // namespace
}  // namespace reinit
