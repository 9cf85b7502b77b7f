#include "reaper/value/exit_status.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

TEST(ExitStatus, EveryExitCode) {
  for (int code = 0; code < 256; ++code) {
    const ExitStatus status = ExitStatus::FromWait(W_EXITCODE(code, 0));
    EXPECT_EQ(status.code, code);
    EXPECT_EQ(status.signal, 0);
    EXPECT_FALSE(status.core_dumped);
    EXPECT_EQ(status.ShellCode(), code);
    EXPECT_EQ(status.Success(), code == 0);
    EXPECT_EQ(status.ToString(), absl::StrCat("exit code ", code));
  }
}

TEST(ExitStatus, EverySignal) {
  for (int signo = 1; signo <= 64; ++signo) {
    for (const bool core : {false, true}) {
      const ExitStatus status =
          ExitStatus::FromWait(signo | (core ? WCOREFLAG : 0));
      EXPECT_EQ(status.code, 0);
      EXPECT_EQ(status.signal, signo);
      EXPECT_EQ(status.core_dumped, core);
      EXPECT_EQ(status.ShellCode(), 128 + signo);
      EXPECT_FALSE(status.Success());
    }
  }
}

TEST(ExitStatus, InWords) {
  EXPECT_EQ(ExitStatus::FromWait(SIGKILL).ToString(), "SIGKILL");
  EXPECT_EQ(ExitStatus::FromWait(SIGSEGV | WCOREFLAG).ToString(),
            "SIGSEGV (core dumped)");
  EXPECT_EQ(ExitStatus::FromWait(SIGRTMIN + 2).ToString(), "SIGRTMIN+2");
}

using ExitStatusOfProcess = LeakCheck;

TEST_F(ExitStatusOfProcess, IsWhatTheKernelSays) {
  EXPECT_EQ(ExitStatus::FromWait(WaitStatus(Fork([] { return 7; }))).code, 7);
  const pid_t killed = Fork([] {
    ::raise(SIGKILL);
    return 0;
  });
  const ExitStatus status = ExitStatus::FromWait(WaitStatus(killed));
  EXPECT_EQ(status.signal, SIGKILL);
  EXPECT_EQ(status.ShellCode(), 137);
}

}  // namespace
}  // namespace reinit
