// --restart-order=start-first: two processes at once, for a while.
#include <signal.h>

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST_F(OverlapTest, TheOldOneIsStoppedOnceTheNewOneIsReady) {
  Begin();
  Overlap();
  EXPECT_THAT(SentTo(old_), IsEmpty());
  EXPECT_EQ(supervisor_->StateName(), "reloading");
  EXPECT_NE(supervisor_->change(), ChangeState::kNone);
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM));
  EXPECT_THAT(Apps(), ElementsAre(new_));
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 1: a.py")));
}

// The twin of the above.
TEST_F(OverlapTest, StopFirstHasNoneBesideAnother) {
  options_.restart.order = RestartOptions::Order::kStopFirst;
  Begin();
  os().process(old_).deaf = true;
  Change();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
}

// The strategy reports --max-age once.
TEST_F(OverlapTest, AnAgeThatIsDueBeforeTheNewOneIsReadyIsNotLost) {
  Begin();
  Overlap();
  Reason reason;
  reason.cause = Reason::Cause::kAge;
  reason.text = "has run for about 1h";
  Wake(reason);
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  Ready();
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("reload 2: has run for about 1h")));
}

TEST_F(OverlapTest, StopsItByTheSignalForReloads) {
  options_.stop.reload_signal = SIGQUIT;
  Begin();
  Overlap();
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGQUIT));
}

class EveryCauseTest : public OverlapTest,
                       public ::testing::WithParamInterface<Reason::Cause> {};

TEST_P(EveryCauseTest, Overlaps) {
  options_.stop.reload_signal = SIGQUIT;
  Begin();
  fake_.ready = false;
  Reason reason;
  reason.cause = GetParam();
  Wake(reason);
  world_.Advance(absl::Milliseconds(120));
  ASSERT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  const bool hung = GetParam() == Reason::Cause::kWatchdog;
  EXPECT_EQ(SentTo(old_).at(0), hung ? SIGABRT : SIGQUIT);
}

// Alone, what has failed is not asked to finish what it has.
TEST_P(EveryCauseTest, StopFirst) {
  options_.restart.order = RestartOptions::Order::kStopFirst;
  options_.stop.reload_signal = SIGQUIT;
  Begin();
  Reason reason;
  reason.cause = GetParam();
  Wake(reason);
  const bool hung = GetParam() == Reason::Cause::kWatchdog;
  EXPECT_EQ(SentTo(old_).at(0), hung                 ? SIGABRT
                                : reason.IsFailure() ? SIGTERM
                                                     : SIGQUIT);
}

// All but the two that a process which serves cannot give.
std::vector<Reason::Cause> CausesOfOneThatServes() {
  std::vector<Reason::Cause> causes;
  for (int i = 0; i < Reason::kCauses; ++i) {
    const auto cause = static_cast<Reason::Cause>(i);
    if (cause == Reason::Cause::kExit || cause == Reason::Cause::kNotReady) {
      continue;
    }
    causes.push_back(cause);
  }
  return causes;
}

INSTANTIATE_TEST_SUITE_P(All, EveryCauseTest,
                         ::testing::ValuesIn(CausesOfOneThatServes()));

// Nothing is served that could be lost.
TEST_F(OverlapTest, OneThatIsNotReadyIsStoppedFirst) {
  fake_.ready = false;
  Begin();
  os().process(old_).deaf = true;
  Change();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(OverlapTest, OneThatExitsLeavesTheOldOneAndIsTriedAgain) {
  Begin();
  Overlap();
  Exit(1);
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
  EXPECT_NE(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("ended: exit code 1: process [100] goes on, "
                                 "trying again in 100 ms")));
  world_.Advance(absl::Milliseconds(99));
  EXPECT_EQ(os().spawns(), 2);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(os().spawns(), 3);
  Exit(1);
  world_.Advance(absl::Milliseconds(199));
  EXPECT_EQ(os().spawns(), 3);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(os().spawns(), 4);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OverlapTest, AtTheLimitItWaitsForTheNextChange) {
  options_.restart.limit_burst = 2;
  Begin();
  Overlap();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Apps().size(), 2u);
    Exit(1);
    world_.Advance(absl::Seconds(1));
  }
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_THAT(
      world_.log().lines(),
      Contains(HasSubstr("exit code 1: process [100] goes on; 2 restarts "
                         "within 5m did not help: waiting for the next "
                         "change")));
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 4);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Overlap();  // at once
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(new_));
}

// Giving up stops both: the new one, which never became ready, and the old one,
// which was to be replaced for a failure.
TEST_F(OverlapTest, GivingUpWithALiveNewOneEndsReinit) {
  options_.restart.limit_burst = 1;
  Begin();
  fake_.ready = false;
  Sick();
  world_.Advance(absl::Seconds(1));
  new_ = os().last();
  ASSERT_TRUE(os().Alive(old_) && os().Alive(new_));
  Sick();
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM));
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM));
  ExpectEnded(1);
}

TEST_F(OverlapTest, TheNextChangeIsTriedAtOnce) {
  Begin();
  Overlap();
  for (int i = 0; i < 5; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(10));
  }
  Exit(1);
  const int spawns = os().spawns();
  Change("b.py");
  EXPECT_EQ(os().spawns(), spawns + 1);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OverlapTest, OneThatIsNeverReadyIsStopped) {
  Begin();
  Overlap();
  Reason reason;
  reason.cause = Reason::Cause::kNotReady;
  reason.text = "not ready after 1m";
  Wake(reason);
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM));
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
}

// Not before it is gone: never three.
TEST_F(OverlapTest, ADeafOneThatFailedIsAwaited) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Reason reason;
  reason.cause = Reason::Cause::kNotReady;
  Wake(reason);
  world_.Advance(absl::Seconds(29));
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_FALSE(os().Alive(new_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
}

TEST_F(OverlapTest, AProgramThatCannotRunLeavesTheOldOne) {
  Begin();
  fake_.ready = false;
  os().set_exec_error(ENOENT);
  Change();
  EXPECT_THAT(Apps(), ElementsAre(old_));
  os().set_exec_error(0);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, SoDoesAForkThatFails) {
  Begin();
  fake_.ready = false;
  os().set_spawn_errors(2);
  Change();
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Seconds(5));
  ASSERT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, TheOldOneMayEndMeanwhile) {
  Begin();
  Overlap();
  End(old_, {.code = 1});
  EXPECT_THAT(Apps(), ElementsAre(new_));
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  Ready();
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_EQ(os().spawns(), 2);
}

// Both: then it is a failed start like any other.
TEST_F(OverlapTest, BothMayEnd) {
  Begin();
  Overlap();
  End(old_, {.code = 1});
  Exit(1);
  world_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(OverlapTest, TheOldOneStandsInForOneThatSoonDies) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(9));
  fake_.ready = false;
  End(new_, {.code = 1});
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  // It drains for as long as it is needed.
  world_.Advance(absl::Minutes(5));
  EXPECT_THAT(SentTo(old_), Not(Contains(SIGKILL)));
  Ready();
  world_.Advance(absl::Seconds(29));
  EXPECT_TRUE(os().Alive(old_));
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

// And the one after that is judged all the same.
TEST_F(OverlapTest, TheNextOneBesideAStandInMayFailToo) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  fake_.ready = false;
  End(new_, {.code = 1});
  world_.Advance(absl::Seconds(1));
  const pid_t third = os().last();
  ASSERT_NE(third, new_);
  ASSERT_TRUE(os().Alive(old_));
  Sick();
  EXPECT_FALSE(os().Alive(third));
  world_.Advance(absl::Minutes(1));
  EXPECT_NE(os().last(), third);
  EXPECT_TRUE(os().Alive(old_));  // for as long as it is needed
  Ready();
  world_.Advance(options_.stop.timeout);
  EXPECT_FALSE(os().Alive(old_));
}

TEST_F(OverlapTest, AnEndThatAnActionWantsStopsBoth) {
  options_.reload.on_change.push_back({ChangeAction::Kind::kExec, 0, ""});
  options_.reload.on_change.back().argv = {"render"};
  options_.reload.on_change.push_back({ChangeAction::Kind::kExit, 3, ""});
  Begin();
  Change();
  const pid_t render = os().last();
  fake_.ready = false;
  Sick();
  world_.Advance(absl::Seconds(1));
  ASSERT_NE(os().last(), render);
  ASSERT_TRUE(os().Alive(old_));
  os().Exit(render, {.code = 0});
  world_.Advance(absl::Seconds(5));
  ExpectEnded(3);
}

// The twin: after that time it is judged alone.
TEST_F(OverlapTest, NotForOneThatDiesLater) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  world_.Advance(absl::Seconds(11));
  End(new_, {.code = 1});
  world_.Advance(absl::Seconds(19));
  EXPECT_FALSE(os().Alive(old_));
}

// Each knows its own by its mark.
TEST_F(OverlapTest, WhatTheOldOneLeavesBehindIsEndedAndNothingElse) {
  Begin();
  Overlap();
  const pid_t left = os().AddChildOf(old_);
  const pid_t orphan = os().AddChildOf(new_);
  os().process(orphan).parent = FakeOs::kSelf;
  Ready();
  world_.Advance(absl::Minutes(1));
  EXPECT_FALSE(os().Alive(left));
  EXPECT_TRUE(os().Alive(orphan));
  EXPECT_THAT(Apps(), ElementsAre(new_));
}

TEST_F(OverlapTest, APreStartThatFailsLeavesTheOldOne) {
  options_.process.pre_start = {"migrate"};
  StartSupervising();
  Exit(0);
  old_ = os().last();
  fake_.ready = false;
  Change();
  ASSERT_EQ(os().process(os().last()).request.argv[0], "migrate");
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("REINIT_GENERATION=2"));
  Exit(7);
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
  world_.Advance(absl::Milliseconds(100));
  Exit(0);
  EXPECT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, PostStopRunsForEachThatEnded) {
  options_.process.post_stop = {"tidy"};
  Begin();
  Overlap();
  Exit(3);
  ASSERT_EQ(os().process(os().last()).request.argv[0], "tidy");
  EXPECT_THAT(os().process(os().last()).request.environment,
              IsSupersetOf({"EXIT_STATUS=3", "REINIT_GENERATION=2"}));
  Exit(0);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  Ready();
  ASSERT_EQ(os().process(os().last()).request.argv[0], "tidy");
  EXPECT_THAT(os().process(os().last()).request.environment,
              IsSupersetOf({"EXIT_STATUS=TERM", "REINIT_GENERATION=1"}));
  Exit(0);
  EXPECT_EQ(Apps().size(), 1u);
}

// What the new one uses up is not the old one's.
TEST_F(OverlapTest, TheOldOneKeepsItsRestarts) {
  options_.restart.limit_burst = 2;
  Begin();
  Overlap();
  for (int i = 0; i < 3; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(1));
  }
  ASSERT_THAT(Apps(), ElementsAre(old_));
  fake_.ready = true;
  End(old_, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_FALSE(supervisor_->ended());
}

}  // namespace
}  // namespace reinit
