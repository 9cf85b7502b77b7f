// --pre-start and --post-stop.
#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class HooksTest : public SupervisorTest {
 protected:
  HooksTest() {
    options_.process.pre_start = {"migrate"};
    options_.process.post_stop = {"tidy"};
  }

  // The program that was started last, which is still running; else nothing.
  std::string Running() {
    return os().Alive(os().last()) ? os().process(os().last()).request.argv[0]
                                   : "";
  }
  const std::vector<std::string>& Environment() {
    return os().process(os().last()).request.environment;
  }
};

TEST_F(HooksTest, RunAroundTheProcess) {
  StartPlain();
  EXPECT_EQ(Running(), "migrate");
  EXPECT_EQ(os().spawns(), 1);
  Exit(0);
  EXPECT_EQ(Running(), "app");
  Exit(3);
  EXPECT_EQ(Running(), "tidy");
  EXPECT_FALSE(supervisor_->ended());
  Exit(0);
  ExpectEnded(3);
}

TEST_F(HooksTest, PostStopIsToldHowItEnded) {
  options_.process.pre_start.clear();
  StartPlain();
  Exit(3);
  EXPECT_THAT(Environment(),
              IsSupersetOf({"EXIT_CODE=exited", "EXIT_STATUS=3",
                            "SERVICE_RESULT=exit-code", "PATH=/bin"}));
  Exit(0);
}

TEST_F(HooksTest, PostStopIsToldTheSignal) {
  options_.process.pre_start.clear();
  StartPlain();
  os().Exit(os().last(), {.signal = SIGSEGV, .core_dumped = true});
  world_.Settle();
  EXPECT_THAT(Environment(),
              IsSupersetOf({"EXIT_CODE=dumped", "EXIT_STATUS=SEGV",
                            "SERVICE_RESULT=core-dump"}));
  Exit(0);
  ExpectEnded(128 + SIGSEGV);
}

TEST_F(HooksTest, AStopOfOursIsASuccess) {
  StartSupervising();
  Exit(0);
  Change();
  EXPECT_EQ(Running(), "tidy");
  EXPECT_THAT(Environment(),
              IsSupersetOf({"EXIT_CODE=killed", "EXIT_STATUS=TERM",
                            "SERVICE_RESULT=success"}));
}

// SERVICE_RESULT where the exit status does not tell all.
class ResultTest : public HooksTest {
 protected:
  ResultTest() { options_.process.pre_start.clear(); }

  void Wake(Reason::Cause cause) {
    Reason reason;
    reason.cause = cause;
    reason.text = "it";
    SupervisorTest::Wake(reason);
  }
  // What the hook that runs now is told.
  std::string Result() {
    EXPECT_EQ(Running(), "tidy");
    for (const std::string& entry : Environment()) {
      if (entry.rfind("SERVICE_RESULT=", 0) == 0) return entry.substr(15);
    }
    return "none";
  }
};

TEST_F(ResultTest, Watchdog) {
  StartSupervising();
  Wake(Reason::Cause::kWatchdog);
  os().Exit(os().last(), {.signal = SIGABRT, .core_dumped = true});
  world_.Settle();
  EXPECT_THAT(Environment(),
              IsSupersetOf({"EXIT_CODE=dumped", "EXIT_STATUS=ABRT"}));
  EXPECT_EQ(Result(), "watchdog");
}

TEST_F(ResultTest, TheFirstOfSeveralCounts) {
  StartSupervising();
  os().process(os().last()).deaf = true;
  Wake(Reason::Cause::kWatchdog);
  world_.Advance(absl::Seconds(10));  // KILL
  EXPECT_EQ(Result(), "watchdog");
}

TEST_F(ResultTest, NotReadyIsATimeout) {
  StartSupervising();
  Wake(Reason::Cause::kNotReady);
  EXPECT_THAT(Environment(), Contains("EXIT_STATUS=TERM"));
  EXPECT_EQ(Result(), "timeout");
}

TEST_F(ResultTest, AStopThatTakesTooLongIsATimeout) {
  StartSupervising();
  os().process(os().last()).deaf = true;
  Change();
  world_.Advance(options_.stop.timeout);
  EXPECT_THAT(Environment(), Contains("EXIT_STATUS=KILL"));
  EXPECT_EQ(Result(), "timeout");
}

TEST_F(ResultTest, SoIsAnEndThatTakesTooLong) {
  options_.stop.shutdown_timeout = absl::Seconds(3);
  StartSupervising();
  os().process(os().last()).deaf = true;
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(3));
  EXPECT_EQ(Result(), "timeout");
}

TEST_F(ResultTest, KilledBecauseSomebodyInsistsIsASignal) {
  StartSupervising();
  os().process(os().last()).deaf = true;
  Signal(SIGINT);
  Signal(SIGINT);
  EXPECT_EQ(Result(), "signal");
}

TEST_F(ResultTest, OutOfMemory) {
  StartSupervising();
  os().set_oom_kills(1);
  os().Exit(os().last(), {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(Result(), "oom-kill");
}

TEST_F(ResultTest, ASignalOfOthers) {
  StartSupervising();
  os().Exit(os().last(), {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(Result(), "signal");
}

TEST_F(ResultTest, TheLastOfTooManyRestarts) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 1;
  StartSupervising();
  Exit(3);
  EXPECT_EQ(Result(), "exit-code");
  Exit(0);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "app");
  Exit(3);
  EXPECT_THAT(Environment(), Contains("EXIT_STATUS=3"));
  EXPECT_EQ(Result(), "start-limit-hit");
}

TEST_F(ResultTest, OneThatIsStoppedForTooManyRestarts) {
  options_.restart.limit_burst = 1;
  StartSupervising();
  Sick();
  EXPECT_EQ(Result(), "success");
  Exit(0);
  world_.Advance(absl::Seconds(1));
  Sick();
  EXPECT_EQ(Result(), "start-limit-hit");
}

TEST_F(HooksTest, BothRunAtEachReload) {
  StartSupervising();
  Exit(0);
  Change();
  EXPECT_EQ(Running(), "tidy");
  Exit(0);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "migrate");
  EXPECT_THAT(Environment(), Contains("REINIT_GENERATION=2"));
  Exit(0);
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

// It would ignore a WINCH.
TEST_F(HooksTest, AStopSignalThatIsTheProcesssEndsAPreStartByTerm) {
  options_.stop.signal = SIGWINCH;
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGWINCH);
  EXPECT_THAT(Received(os().last()), Contains(SIGTERM));
  Exit(0);
  ExpectEnded(128 + SIGWINCH);
}

TEST_F(HooksTest, APreStartThatFailsEndsTheFirstStart) {
  StartPlain();
  Exit(7);
  ExpectEnded(7);
  EXPECT_EQ(os().spawns(), 1);  // neither the process nor post-stop
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("--pre-start: exit code 7: not starting")));
}

// As in development, where the next save may be the cure.
TEST_F(HooksTest, WithAfterExitWaitAPreStartThatFailsAtFirstIsTriedAgain) {
  options_.after_exit = AfterExit::kWait;
  options_.restart.limit_burst = 1;
  StartSupervising();
  Exit(7);
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "migrate");
  Exit(7);
  EXPECT_EQ(supervisor_->StateName(), "waiting");
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 2);
  Change();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "migrate");
  EXPECT_THAT(Environment(), Contains("REINIT_GENERATION=1"));
  Exit(0);
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

// The change is the cure, so nothing waits for the rest of the delay.
TEST_F(HooksTest, AChangeTriesAPreStartThatFailedAtFirstAtOnce) {
  options_.after_exit = AfterExit::kWait;
  options_.restart.delay = absl::Minutes(1);
  StartSupervising();
  Exit(7);
  EXPECT_EQ(supervisor_->StateName(), "backoff");
  Change();
  EXPECT_EQ(Running(), "migrate");
  Exit(0);
  EXPECT_EQ(Running(), "app");
}

TEST_F(HooksTest, APreStartThatCannotRunEndsTheFirstStart) {
  os().set_exec_error(ENOENT);
  StartPlain();
  ExpectEnded(127);
}

TEST_F(HooksTest, APreStartThatHangsIsKilled) {
  StartPlain();
  os().process(os().last()).deaf = true;
  world_.Advance(absl::Minutes(5));
  ExpectEnded(1);
}

TEST_F(HooksTest, TheShutdownTimeoutIsForAPreStartToo) {
  options_.stop.shutdown_timeout = absl::Seconds(1);
  StartPlain();
  os().process(os().last()).deaf = true;
  Signal(SIGTERM);
  world_.Advance(absl::Milliseconds(999));
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Milliseconds(1));
  ExpectEnded(128 + SIGTERM);
}

TEST_F(HooksTest, LaterItIsTriedAgainAndTheReloadStaysPending) {
  StartSupervising();
  Exit(0);
  Change();
  Exit(0);  // tidy
  world_.Advance(absl::ZeroDuration());
  Exit(7);
  EXPECT_EQ(Running(), "");
  EXPECT_NE(supervisor_->change(), ChangeState::kNone);
  world_.Advance(absl::Milliseconds(120));
  EXPECT_EQ(Running(), "migrate");
  Exit(0);
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(HooksTest, ItUsesTheStartLimit) {
  options_.restart.limit_burst = 2;
  StartSupervising();
  Exit(0);
  Change();
  Exit(0);
  for (int i = 0; i < 3; ++i) {
    world_.Advance(absl::Seconds(10));
    EXPECT_EQ(Running(), "migrate");
    Exit(7);
  }
  EXPECT_TRUE(supervisor_->ended());
}

TEST_F(HooksTest, TermGoesToThePreStartAndNothingStarts) {
  StartPlain();
  Signal(SIGTERM);
  ExpectEnded(143);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(HooksTest, APreStartThatIgnoresTermIsWaitedForUntilTheSecondCtrlC) {
  StartPlain();
  const pid_t hook = os().last();
  os().process(hook).deaf = true;
  Signal(SIGINT);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_THAT(Received(hook), ElementsAre(SIGINT));
  Signal(SIGINT);
  ExpectEnded(130);
}

TEST_F(HooksTest, TermLetsPostStopFinish) {
  StartPlain();
  Exit(0);
  Exit(3);
  Signal(SIGTERM);
  EXPECT_EQ(Running(), "tidy");
  EXPECT_THAT(Received(os().last()), Not(Contains(SIGTERM)));
  Exit(0);
  ExpectEnded(3);
}

TEST_F(HooksTest, APostStopThatHangsIsKilledAndChangesNothing) {
  StartPlain();
  Exit(0);
  Exit(3);
  os().process(os().last()).deaf = true;
  world_.Advance(absl::Seconds(5));
  ExpectEnded(3);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("--post-stop: no result")));
}

TEST_F(HooksTest, TermBetweenTwoProcessesRunsPostStopOnce) {
  StartSupervising();
  Exit(0);
  Change();
  EXPECT_EQ(Running(), "tidy");
  Signal(SIGTERM);
  Exit(0);
  ExpectEnded(143);
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(HooksTest, AChangeDuringAHookComesAfterwards) {
  StartSupervising();
  Change();  // while migrate runs
  EXPECT_EQ(Running(), "migrate");
  EXPECT_EQ(os().spawns(), 1);
  Exit(0);
  EXPECT_THAT(os().sent(), Contains(::testing::Pair(::testing::_, SIGTERM)));
  EXPECT_EQ(Running(), "tidy");
}

TEST_F(HooksTest, AChangeDuringAPreStartThatFailsEndsTheBackoff) {
  options_.restart.delay = absl::Seconds(60);
  options_.restart.delay_max = absl::Seconds(60);
  StartSupervising();
  Exit(0);
  Change();
  Exit(0);  // tidy
  world_.Advance(absl::ZeroDuration());
  EXPECT_EQ(Running(), "migrate");
  Change("fixed.py");
  Exit(7);
  world_.Advance(absl::ZeroDuration());
  EXPECT_EQ(Running(), "migrate");
  EXPECT_THAT(Environment(), Contains("REINIT_CHANGED=fixed.py"));
  Exit(0);
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(HooksTest, AChangeDuringTheLastPreStartIsNotLost) {
  options_.restart.limit_burst = 1;
  options_.restart.limit_action = RestartOptions::LimitAction::kStay;
  StartSupervising();
  Exit(0);
  Change();
  Exit(0);  // tidy
  world_.Advance(absl::Seconds(10));
  Exit(7);
  world_.Advance(absl::Seconds(10));
  EXPECT_EQ(Running(), "migrate");
  Change("fixed.py");
  Exit(7);  // given up
  world_.Advance(absl::ZeroDuration());
  EXPECT_EQ(Running(), "migrate");
  Exit(0);
  EXPECT_EQ(Running(), "app");
}

TEST_F(HooksTest, SignalsDuringThePreStartAreForTheProcess) {
  StartPlain();
  Signal(SIGUSR1);
  Exit(0);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1));
}

TEST_F(HooksTest, ForkThatFailsIsTriedAgain) {
  os().set_spawn_errors(1);
  StartPlain();
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(absl::Milliseconds(120));
  EXPECT_EQ(Running(), "migrate");
}

}  // namespace
}  // namespace reinit
