// When the process is started anew though nothing has changed: it ended, or is
// unhealthy.
#include <signal.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// -- A change that was older than the process ---------------------------------

class OlderChangeTest : public SupervisorTest {
 protected:
  // A process that has crashed is started anew; until then, and from then on,
  // half a second passes.
  void StartAnew() {
    options_.restart.policy = RestartOptions::Policy::kAlways;
    options_.restart.delay = absl::Milliseconds(500);
    StartSupervising();
    Exit(1);
    world_.Advance(absl::Seconds(1));
    ASSERT_EQ(os().spawns(), 2);
  }
  absl::Time Ago(absl::Duration time) { return world_.now() - time; }
};

TEST_F(OlderChangeTest, TheProcessHasIt) {
  StartAnew();
  Change("a.py", Ago(absl::Milliseconds(700)));
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  // It is not had twice.
  Change("a.py", world_.now());
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(OlderChangeTest, InDoubtItHasNot) {
  StartAnew();
  // When it was done is not known, or hardly before the start.
  Change("a.py");
  world_.Advance(absl::Seconds(10));
  EXPECT_EQ(os().spawns(), 3);
  Change("a.py", Ago(absl::Milliseconds(10'010)));
  world_.Advance(absl::Seconds(10));
  EXPECT_EQ(os().spawns(), 4);
}

TEST_F(OlderChangeTest, WhatIsNewerIsAnotherChange) {
  StartAnew();
  Change("a.py", Ago(absl::Milliseconds(300)));
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(OlderChangeTest, ACheckMayMakeTheProgram) {
  options_.reload.check = {"make"};
  StartAnew();
  const int before = os().spawns();
  Change("a.c", Ago(absl::Milliseconds(700)));
  EXPECT_EQ(os().spawns(), before + 1);
}

// -- Restart policy -----------------------------------------------------------

TEST_F(SupervisorTest, OnFailureRestartsAfterAFailureOnly) {
  options_.restart.policy = RestartOptions::Policy::kOnFailure;
  StartSupervising();
  Exit(1);
  EXPECT_EQ(supervisor_->StateName(), "backoff");
  world_.Advance(absl::Milliseconds(101));
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, GivesUpWithTheCodeOfTheProcess) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 3;
  StartSupervising();
  for (int i = 0; i < 4; ++i) {
    Exit(33);
    world_.Advance(absl::Seconds(11));
  }
  EXPECT_EQ(os().spawns(), 4);
  ExpectEnded(33);
}

TEST_F(SupervisorTest, GivesUpWithOneWhereTheCodeSaysSuccess) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 1;
  StartSupervising();
  for (int i = 0; i < 2; ++i) {
    Exit(0);
    world_.Advance(absl::Seconds(11));
  }
  ExpectEnded(1);
}

TEST_F(SupervisorTest, GivesUpWithOneWhereTheLastStopWasOurs) {
  options_.restart.limit_burst = 1;
  StartSupervising();
  Sick();
  world_.Advance(absl::Seconds(11));
  Sick();
  ExpectEnded(1);
}

TEST_F(SupervisorTest, AfterExitWaitStaysWhenRestartingDidNotHelp) {
  options_.after_exit = AfterExit::kWait;
  options_.restart.limit_burst = 2;
  StartSupervising();
  os().set_exec_error(ENOENT);  // a build takes its time
  Change();
  world_.Advance(absl::Minutes(1));
  EXPECT_FALSE(supervisor_->ended());
  os().set_exec_error(0);
  Change();
  EXPECT_EQ(supervisor_->StateName(), "ready");
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, StartLimitActionStayWaitsForAChange) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 1;
  options_.restart.limit_action = RestartOptions::LimitAction::kStay;
  StartSupervising();
  for (int i = 0; i < 2; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(11));
  }
  EXPECT_EQ(supervisor_->StateName(), "waiting");
  Change();
  EXPECT_EQ(os().spawns(), 3);
  Exit(1);  // the budget is new
  EXPECT_EQ(supervisor_->StateName(), "backoff");
  Signal(SIGTERM);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(SupervisorTest, AChangeCutsTheBackoffShort) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.delay = absl::Hours(1);
  StartSupervising();
  Exit(1);
  EXPECT_EQ(os().spawns(), 1);
  Change();
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ALongReadyTimeForgetsTheBackoff) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  for (int i = 0; i < 5; ++i) {
    world_.Advance(options_.restart.reset);
    Exit(1);
    EXPECT_EQ(supervisor_->StateName(), "backoff");
    world_.Advance(absl::Milliseconds(101));
    EXPECT_EQ(supervisor_->StateName(), "ready");
  }
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ALongReadyTimeDoesNotForgetTheBudget) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 2;  // as on-failure:2 sets it
  options_.restart.limit_interval = absl::InfiniteDuration();
  StartSupervising();
  for (int i = 0; i < 3; ++i) {
    world_.Advance(absl::Hours(1));
    Exit(9);
    world_.Advance(absl::Seconds(11));
  }
  ExpectEnded(9);
}

TEST_F(SupervisorTest, FailingHealthRestartsWithBackoff) {
  StartSupervising();
  const pid_t first = os().last();
  Sick();
  EXPECT_FALSE(os().Alive(first));
  EXPECT_EQ(supervisor_->StateName(), "backoff");
  world_.Advance(absl::Milliseconds(101));
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ReadyWaitsForTheStrategies) {
  fake_.ready = false;
  StartSupervising();
  EXPECT_EQ(supervisor_->StateName(), "up");
  fake_.ready = true;
  fake_.wake(Strategy::Wake::kAsk);
  world_.Settle();
  EXPECT_EQ(supervisor_->StateName(), "ready");
  Signal(SIGTERM);
}

// -- Bad health ---------------------------------------------------------------

TEST_F(SupervisorTest, UnhealthyCanMeanExit) {
  options_.health.on_failure.what = OnUnhealthy::What::kExit;
  StartSupervising();
  const pid_t pid = os().last();
  Sick();
  EXPECT_FALSE(os().Alive(pid));
  world_.Advance(absl::Seconds(10));
  EXPECT_EQ(os().spawns(), 1);
  ExpectEnded(1);
}

TEST_F(SupervisorTest, UnhealthyCanMeanASignalEachTime) {
  options_.health.on_failure = {OnUnhealthy::What::kSignal, SIGUSR1};
  StartSupervising();
  Sick();
  Sick();
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1, SIGUSR1));
  EXPECT_EQ(os().spawns(), 1);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, UnhealthyCanMeanNothingButAWarning) {
  options_.health.on_failure.what = OnUnhealthy::What::kNone;
  StartSupervising();
  Sick();
  EXPECT_THAT(Received(os().last()), ElementsAre());
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("unhealthy: sick")));
  Signal(SIGTERM);
}

}  // namespace
}  // namespace reinit
