// The end, at any moment, and what the process leaves behind.
#include <signal.h>

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;

// -- Leftovers ----------------------------------------------------------------

TEST_F(SupervisorTest, LeftoversGetTermAndContBeforeTheEnd) {
  StartPlain();
  const pid_t orphan = os().AddChildOf(os().last());
  os().process(orphan).marked = false;
  os().process(orphan).deaf = true;
  Exit(5);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_THAT(Received(orphan), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(2));
  ExpectEnded(5);
}

TEST_F(SupervisorTest, ALeftoverThatEndsByItselfIsNotWaitedFor) {
  StartPlain();
  os().AddChildOf(os().last());
  Exit(5);
  ExpectEnded(5);
}

TEST_F(SupervisorTest, AnUnkillableLeftoverDoesNotHoldUpTheEnd) {
  StartPlain();
  const pid_t stuck = os().AddChildOf(os().last());
  os().process(stuck).deaf = true;
  os().process(stuck).unkillable = true;
  Exit(5);
  world_.Advance(absl::Seconds(4));
  ExpectEnded(5);
  os().Exit(stuck, {});
}

// Forked while the list of processes was read, by a parent that ended then.
TEST_F(SupervisorTest, ALeftoverThatOneLookMissesIsFound) {
  StartPlain();
  const pid_t leftover = os().AddChildOf(os().last());
  os().set_blind_looks(1);
  Exit(4);
  EXPECT_EQ(os().sent().front(), std::make_pair(leftover, SIGTERM));
  EXPECT_EQ(supervisor_->exit_code(), 4);
}

TEST_F(SupervisorTest, AnyEndAtTheVeryEndIsAReasonToLookAgain) {
  StartPlain();
  const pid_t dying = os().AddChildOf(os().last());
  const pid_t leftover = os().AddChildOf(os().last());
  os().set_blind_looks(4);
  Exit(4);
  EXPECT_TRUE(os().Alive(leftover));
  os().Exit(dying, {});
  world_.Settle();
  EXPECT_FALSE(os().Alive(leftover));
  EXPECT_TRUE(supervisor_->ended());
}

TEST_F(SupervisorTest, ALeftoverOfItsGroupIsItsOwnWhateverItsEnvironmentSays) {
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  os().process(leftover).deaf = true;
  os().process(leftover).marked = false;  // overwritten by setproctitle
  os().process(leftover).group = os().last();
  Change();
  EXPECT_THAT(Received(leftover), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ADownSignalCutsAnEndlessLeftoverTimeoutShort) {
  options_.stop.leftover_timeout = absl::InfiniteDuration();
  StartPlain();
  os().process(os().AddChildOf(os().last())).deaf = true;
  Exit(3);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGTERM);
  ExpectEnded(3);
}

TEST_F(SupervisorTest, ANewInstanceWaitsUntilTheOldOnesLeftoversAreGone) {
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  os().process(leftover).deaf = true;
  Change();
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Received(leftover), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(2));
  EXPECT_FALSE(os().Alive(leftover));
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, StrangersAreLeftAloneUntilTheEnd) {
  StartSupervising();
  const pid_t stranger = os().AddChildOf(FakeOs::kSelf);  // of docker exec
  os().process(stranger).marked = false;
  Change();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_TRUE(Received(stranger).empty());
  Signal(SIGTERM);
  EXPECT_FALSE(os().Alive(stranger));
  ExpectEnded(128 + SIGTERM);
}

// -- Down, at any moment ------------------------------------------------------

struct Moment {
  const char* name;
  int exit_code;  // after TERM
};

class DownTest : public SupervisorTest,
                 public ::testing::WithParamInterface<Moment> {};

TEST_P(DownTest, TermEndsInTimeWithTheRightStatus) {
  const std::string moment = GetParam().name;
  options_.restart.policy = RestartOptions::Policy::kAlways;
  if (moment == "fork_fails") os().set_spawn_errors(1000);
  if (moment == "starting") os().set_hold_exec(true);
  if (moment == "stopping") os().set_deaf_by_default(true);
  if (moment == "waiting") {
    options_.restart.policy = RestartOptions::Policy::kNo;
    options_.after_exit = AfterExit::kWait;
  }
  StartSupervising();
  if (moment == "backoff" || moment == "waiting") Exit(1);
  if (moment == "stopping") Change();
  if (moment == "leftovers") {
    os().process(os().AddChildOf(os().last())).deaf = true;
    Change();
    ASSERT_EQ(os().spawns(), 1);
  }
  Signal(SIGTERM);
  if (moment == "stopping") {
    // No KILL of ours any more: it has all the time that the runtime gives.
    world_.Advance(absl::Hours(1));
    EXPECT_FALSE(supervisor_->ended());
    Exit(0);
  }
  if (moment == "leftovers") world_.Advance(absl::Seconds(4));
  ExpectEnded(GetParam().exit_code);
}

INSTANTIATE_TEST_SUITE_P(
    Moments, DownTest,
    ::testing::Values(Moment{"fork_fails", 143}, Moment{"starting", 143},
                      Moment{"running", 143}, Moment{"stopping", 0},
                      Moment{"leftovers", 143}, Moment{"backoff", 143},
                      Moment{"waiting", 143}),
    [](const auto& moment) { return std::string(moment.param.name); });

TEST_F(SupervisorTest, DownGivesTheProcessAllTheTimeItNeeds) {
  os().set_deaf_by_default(true);
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Signal(SIGTERM);
  world_.Advance(absl::Hours(1));
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGTERM, SIGCONT));
  Exit(0);
  ExpectEnded(0);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(SupervisorTest, ARepeatedTermIsForwardedAgain) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGTERM);
  Signal(SIGTERM);
  Signal(SIGINT);
  EXPECT_THAT(Received(os().last()),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT, SIGINT, SIGCONT));
  Exit(0);
}

TEST_F(SupervisorTest, ASecondCtrlCKills) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGINT);
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGINT);
  ExpectEnded(128 + SIGKILL);
}

// Found to be at fault it has the time that it had; its twin is below.
TEST_F(SupervisorTest, TermDuringARestartForAFailureDoesNotPutOffTheKill) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  StartSupervising();
  Sick();
  world_.Advance(absl::Seconds(5));
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(4));
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(1));
  ExpectEnded(128 + SIGKILL);
}

TEST_F(SupervisorTest, TermDuringAReloadGivesItTheTimeOfTheEnd) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  StartSupervising();
  Change();
  world_.Advance(absl::Seconds(5));
  Signal(SIGTERM);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(supervisor_->ended());
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, TermDuringARestartIsNotASecondTermForTheProcess) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Change();
  Signal(SIGTERM);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGTERM, SIGCONT));
  Signal(SIGTERM);
  EXPECT_THAT(Received(os().last()),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT));
  Exit(4);
  ExpectEnded(4);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(SupervisorTest, OtherSignalsAreForwardedWhenSupervising) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGHUP);
  Signal(SIGUSR1);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGHUP, SIGUSR1));
  Exit(0);
}

}  // namespace
}  // namespace reinit
