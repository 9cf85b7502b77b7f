#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// -- A plain init ------------------------------------------------------------

TEST_F(SupervisorTest, PlainInitEndsWithTheCodeOfItsProcess) {
  StartPlain();
  EXPECT_FALSE(supervisor_->ended());
  Exit(7);
  ExpectEnded(7);
}

TEST_F(SupervisorTest, PlainInitReportsADeathBySignal) {
  StartPlain();
  os().Exit(os().last(), {.signal = SIGSEGV});
  world_.Settle();
  ExpectEnded(128 + SIGSEGV);
}

TEST_F(SupervisorTest, PlainInitForwardsEverySignalAndDoesNothingElse) {
  os().set_deaf_by_default(true);
  StartPlain();
  for (const int signo : {SIGTERM, SIGINT, SIGTERM, SIGHUP, SIGABRT, 64}) {
    Signal(signo);
  }
  world_.Advance(absl::Hours(1));
  EXPECT_THAT(Received(os().last()),
              ElementsAre(SIGTERM, SIGINT, SIGTERM, SIGHUP, SIGABRT, 64));
  Exit(0);
  ExpectEnded(0);
}

// Without this TERM arrived as TERM, and nothing told so.
TEST_F(SupervisorTest, PlainInitPassesTermOnAsTheStopSignal) {
  options_.stop.signal = SIGQUIT;
  os().set_deaf_by_default(true);
  StartPlain();
  Signal(SIGTERM);
  Signal(SIGINT);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGQUIT, SIGINT));
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, PlainInitRewritesTermRatherThanStopByTheStopSignal) {
  options_.stop.signal = SIGQUIT;
  ASSERT_TRUE(options_.signals.rewrite.Add("TERM:USR2").ok());
  os().set_deaf_by_default(true);
  StartPlain();
  Signal(SIGTERM);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR2));
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, PlainInitLeavesTheEnvironmentAlone) {
  StartPlain();
  EXPECT_THAT(os().process(os().last()).request.environment,
              ElementsAre("PATH=/bin"));
  Exit(0);
}

TEST_F(SupervisorTest, PlainInitMayWaitForTheExec) {
  StartPlain();
  EXPECT_TRUE(os().process(os().last()).request.awaits_exec);
  Exit(0);
}

// It has a stop, timers and helpers to look after meanwhile.
TEST_F(SupervisorTest, ASupervisorDoesNotWaitForTheExec) {
  StartSupervising();
  EXPECT_FALSE(os().process(os().last()).request.awaits_exec);
}

TEST_F(SupervisorTest, PlainInitAsksForNoOomKillsThatNothingTellsOf) {
  world_.log().set_level(LogLevel::kWarning);
  StartPlain();
  EXPECT_EQ(os().oom_looks(), 0);
  Exit(0);
}

TEST_F(SupervisorTest, PlainInitAsksForOomKillsForItsTerminationLog) {
  world_.log().set_level(LogLevel::kWarning);
  options_.termination_log = testing::TempDir() + "/words";
  StartPlain();
  EXPECT_GT(os().oom_looks(), 0);
}

TEST_F(SupervisorTest, EventsHaveTheirValues) {
  StartSupervising();
  const pid_t first = os().last();
  fake_.reason.emplace();
  fake_.reason->cause = Reason::Cause::kFile;
  fake_.reason->text = "a.py and 1 more";
  fake_.reason->changed = "a.py";
  fake_.reason->settled = absl::Milliseconds(52);
  fake_.wake(Strategy::Wake::kAsk);
  world_.Settle();
  const pid_t second = os().last();
  Sick();
  world_.Advance(absl::Seconds(1));
  const pid_t third = os().last();
  Signal(SIGTERM);
  EXPECT_EQ(
      world_.log().events(),
      (std::vector<std::string>{
          absl::StrCat("started generation=1 pid=", first),
          absl::StrCat("ready generation=1 pid=", first, " ready_ms=0"),
          absl::StrCat("reload generation=2 pid=", second,
                       " cause=file settled_ms=52 stopped_ms=0 running_ms=0 "
                       "reason=a.py and 1 more changed=a.py"),
          absl::StrCat("ready generation=2 pid=", second, " ready_ms=0"),
          absl::StrCat("restart generation=3 pid=", third,
                       " cause=health stopped_ms=0 running_ms=100 reason=sick "
                       "changed="),
          absl::StrCat("ready generation=3 pid=", third, " ready_ms=0"),
          "stopping generation=3 signal=SIGTERM",
          absl::StrCat("ended generation=3 pid=", third,
                       " code=143 reason=SIGTERM")}));
}

TEST_F(SupervisorTest, ACommandThatCannotRunEndsAtOnce) {
  for (const auto& [error, code] :
       {std::pair{ENOENT, 127}, {EACCES, 126}, {ETXTBSY, 126}}) {
    os().set_exec_error(error);
    StartPlain();
    ExpectEnded(code);
    EXPECT_THAT(world_.log().lines().back(), HasSubstr("'app'"));
  }
}

TEST_F(SupervisorTest, ACommandThatCannotRunIsNotRestarted) {
  os().set_exec_error(ENOENT);
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  ExpectEnded(127);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(SupervisorTest, ForkThatFailsIsTriedAgain) {
  for (const int error : {EAGAIN, ENOMEM}) {
    const int before = os().spawns();
    os().set_spawn_errors(3, error);
    StartPlain();
    EXPECT_FALSE(supervisor_->ended());
    world_.Advance(absl::Seconds(2));
    EXPECT_EQ(os().spawns(), before + 4);
    Exit(3);
    ExpectEnded(3);
  }
}

// Whatever it is that does not go: after the start it is no reason to end.
TEST_F(SupervisorTest, ForkThatFailsAtAReloadIsTriedAgain) {
  StartSupervising();
  for (const int error : {EAGAIN, ENOMEM, EINVAL}) {
    const int before = os().spawns();
    os().set_spawn_errors(30, error);
    Change();
    world_.Advance(absl::Minutes(10));
    EXPECT_EQ(os().spawns(), before + 31);
    EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
    EXPECT_EQ(supervisor_->StateName(), "ready");
  }
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, APlainInitThatCannotForkCanBeStopped) {
  os().set_spawn_errors(1000);
  StartPlain();
  world_.Advance(absl::Minutes(1));
  Signal(SIGTERM);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(SupervisorTest, ASpawnErrorThatDoesNotPassEndsTheFirstStart) {
  os().set_spawn_errors(1, EINVAL);
  StartPlain();
  ExpectEnded(1);
}

TEST_F(SupervisorTest, FailingToForkDoesNotSpin) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.delay = absl::ZeroDuration();
  os().set_spawn_errors(1000);
  StartSupervising();
  world_.Advance(absl::Minutes(1));
  EXPECT_LT(os().spawns(), 20);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ASignalInTheBackoffDoesNotEndTheNextProcess) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Exit(1);
  Signal(SIGHUP);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Received(os().last()).empty());
  EXPECT_EQ(supervisor_->StateName(), "ready");
  Signal(SIGTERM);
}

// What was meant for the first process is not for its successor.
TEST_F(SupervisorTest, ASignalDuringTheFirstBackoffIsDropped) {
  options_.restart.policy = RestartOptions::Policy::kOnFailure;
  StartSupervising();
  Exit(1);
  Signal(SIGUSR1);
  world_.Advance(absl::Seconds(1));
  ASSERT_EQ(os().spawns(), 2);
  EXPECT_TRUE(Received(os().last()).empty());
}

TEST_F(SupervisorTest, EarlySignalsAreDeliveredOnceItRuns) {
  os().set_spawn_errors(1);
  os().set_deaf_by_default(true);
  StartPlain();
  Signal(SIGHUP);
  Signal(SIGHUP);
  Signal(40);
  Signal(40);
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGHUP, 40, 40));
  Exit(0);
}

TEST_F(SupervisorTest, ASignalBetweenForkAndExecReachesTheProcess) {
  os().set_hold_exec(true);
  os().set_deaf_by_default(true);
  StartPlain();
  Signal(SIGHUP);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGHUP));
  Exit(0);
}

TEST_F(SupervisorTest, RewritesAndDropsSignals) {
  os().set_deaf_by_default(true);
  ASSERT_TRUE(options_.signals.rewrite.Add("TERM:QUIT").ok());
  ASSERT_TRUE(options_.signals.rewrite.Add("HUP:").ok());
  StartPlain();
  Signal(SIGTERM);
  Signal(SIGHUP);
  Signal(SIGINT);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGQUIT, SIGINT));
  Exit(0);
}

TEST_F(SupervisorTest, ARewrittenTermIsStillDown) {
  ASSERT_TRUE(options_.signals.rewrite.Add("TERM:INT").ok());
  StartSupervising();
  Signal(SIGTERM);
  ExpectEnded(128 + SIGINT);
}

TEST_F(SupervisorTest, ADroppedTermIsNoDown) {
  ASSERT_TRUE(options_.signals.rewrite.Add("TERM:").ok());
  StartSupervising();
  Signal(SIGTERM);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_TRUE(Received(os().last()).empty());
  Signal(SIGQUIT);
  ExpectEnded(128 + SIGQUIT);
}

TEST_F(SupervisorTest, SuccessExitStatusEndsWithZero) {
  options_.success = *ExitCodes::Parse("143,TERM");
  StartPlain();
  Exit(143);
  ExpectEnded(0);
  StartPlain();
  Signal(SIGTERM);
  ExpectEnded(0);
  StartPlain();
  Exit(7);
  ExpectEnded(7);
}

// -- The reload loop ----------------------------------------------------------

TEST_F(SupervisorTest, AChangeStopsAndStartsTheProcess) {
  StartSupervising();
  const pid_t first = os().last();
  Change("src/app.py");
  EXPECT_FALSE(os().Alive(first));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(os().sent()[0], ::testing::Pair(first, SIGTERM));
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("REINIT_CHANGED=src/app.py"));
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("REINIT_GENERATION=2"));
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("reload 1: src/app.py")));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  Signal(SIGTERM);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(SupervisorTest, WhatChangesDuringARestartIsOneMore) {
  os().set_deaf_by_default(true);
  StartSupervising();
  const pid_t first = os().last();
  Change();
  Change();
  Change();
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  EXPECT_EQ(os().spawns(), 1);
  Exit(0);
  EXPECT_FALSE(os().Alive(first));
  EXPECT_EQ(os().spawns(), 2);  // and this one is being stopped again
  Exit(0);
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, AChangeWhileStartingWaitsUntilItRuns) {
  os().set_hold_exec(true);
  StartSupervising();
  Change();
  EXPECT_TRUE(Received(os().last()).empty());
  os().Executed(os().last());
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ADeafProcessIsKilledAfterTheStopTimeout) {
  os().set_deaf_by_default(true);
  StartSupervising();
  const pid_t first = os().last();
  Change();
  world_.Advance(options_.stop.timeout - absl::Milliseconds(1));
  EXPECT_TRUE(os().Alive(first));
  EXPECT_THAT(Received(first), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(os().Alive(first));
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
}

TEST_F(SupervisorTest, StopSignalIsOurs) {
  options_.stop.signal = SIGINT;
  StartSupervising();
  const pid_t first = os().last();
  Change();
  EXPECT_EQ(os().sent()[0], std::make_pair(first, SIGINT));
  const pid_t second = os().last();
  Signal(SIGTERM);  // --stop-signal replaces TERM
  EXPECT_EQ(os().sent()[1], std::make_pair(second, SIGINT));
  ExpectEnded(128 + SIGINT);
}

// The STOPSIGNAL of haproxy's images. Without this the process ended, and was
// started again.
TEST_F(SupervisorTest, TheStopSignalIsDownAsTermIs) {
  options_.stop.signal = SIGUSR1;
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Signal(SIGUSR1);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1, SIGCONT));
  EXPECT_EQ(supervisor_->StateName(), "ending");
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, ANewSizeOfTheTerminalIsNoStopSignal) {
  options_.stop.signal = SIGWINCH;
  StartSupervising();
  Signal(SIGWINCH, SI_KERNEL);
  EXPECT_EQ(supervisor_->StateName(), "ready");
  Signal(SIGWINCH);
  EXPECT_EQ(supervisor_->StateName(), "ending");
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, WhatIsRewrittenToTermIsDown) {
  ASSERT_TRUE(options_.signals.rewrite.Add("WINCH:TERM").ok());
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Signal(SIGWINCH);
  ExpectEnded(128 + SIGTERM);
}

// Without this the process ended, and was started again.
TEST_F(SupervisorTest, WhatIsRewrittenToTheStopSignalIsDown) {
  ASSERT_TRUE(options_.signals.rewrite.Add("WINCH:QUIT").ok());
  options_.stop.signal = SIGQUIT;
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Signal(SIGWINCH);
  ExpectEnded(128 + SIGQUIT);
}

TEST_F(SupervisorTest, AfterExitWaitStaysForTheNextChange) {
  options_.after_exit = AfterExit::kWait;
  StartSupervising();
  Exit(1);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_EQ(supervisor_->StateName(), "waiting");
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 1);
  Change();
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(SupervisorTest, WithoutItTheEndOfTheProcessIsTheEnd) {
  StartSupervising();
  Change();
  Exit(9);
  ExpectEnded(9);
}

TEST_F(SupervisorTest, AReloadWhoseCommandIsMissingIsTriedAgain) {
  StartSupervising();
  for (const int error : {ENOENT, ETXTBSY}) {
    os().set_exec_error(error);
    Change();
    EXPECT_FALSE(supervisor_->ended());
    EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
    os().set_exec_error(0);
    world_.Advance(absl::Seconds(1));
    EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
    EXPECT_EQ(supervisor_->StateName(), "ready");
  }
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ReloadsDoNotUseTheRestartBudget) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  for (int i = 0; i < 50; ++i) Change();
  EXPECT_EQ(os().spawns(), 51);
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGTERM);
}

}  // namespace
}  // namespace reinit
