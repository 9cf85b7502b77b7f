#include "supervisor/change/changes.h"

#include <optional>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/change/changes_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using S = ChangeState;

// From being noticed to being applied, by the start of a process.

TEST_F(ChangesTest, WhatIsNoticedIsSettling) {
  EXPECT_EQ(changes().state(), S::kNone);
  changes().OnNoticed();
  EXPECT_EQ(changes().state(), S::kSettling);
}

TEST_F(ChangesTest, AChangeIsAppliedByARestartUntilThatIsDone) {
  changes().ApplyOrQueue(File("a.py", 5));
  EXPECT_EQ(changes().state(), S::kApplying);
  ASSERT_THAT(Restarts(), ElementsAre("a.py"));
  EXPECT_EQ(changes().current().text, "a.py");
  EXPECT_EQ(Shown().attempted_content, 5U);
  EXPECT_EQ(Shown().applied_content, std::nullopt);
  Started(absl::OkStatus());
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_applied, 1U);
  EXPECT_EQ(Shown().applied_content, 5U);
  // The start of a process has more to tell by itself.
  EXPECT_EQ(again_, 0);
}

TEST_F(ChangesTest, ARestartThatFailsLeavesItPendingAndIsNotTriedFromHere) {
  changes().ApplyOrQueue(File("a.py", 5));
  Started(absl::AbortedError("it ended"));
  EXPECT_EQ(changes().state(), S::kPending);
  EXPECT_EQ(Shown().changes_failed, 1U);
  EXPECT_EQ(Shown().change_failure, "a.py: it ended");
  EXPECT_EQ(Shown().applied_content, std::nullopt);
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

TEST_F(ChangesTest, AProcessThatStartsHasWhatWasPending) {
  changes().ApplyOrQueue(File("a.py"));
  Started(absl::AbortedError("it ended"));
  changes().OnStarted(world_.now());
  EXPECT_EQ(changes().state(), S::kNone);
}

// One at a time.

TEST_F(ChangesTest, WhatComesMeanwhileIsOneMoreAfterwards) {
  changes().ApplyOrQueue(File("a.py"));
  changes().ApplyOrQueue(File("b.py"));
  changes().ApplyOrQueue(File("c.py"));
  EXPECT_THAT(Restarts(), ElementsAre("a.py"));
  EXPECT_TRUE(changes().queued());
  EXPECT_TRUE(changes().NextRestarts());
  EXPECT_EQ(changes().next_text(), "c.py");
  EXPECT_FALSE(changes().ApplyQueued());
  Started(absl::OkStatus());
  EXPECT_TRUE(changes().ApplyQueued());
  EXPECT_THAT(Restarts(), ElementsAre("a.py", "c.py"));
  EXPECT_FALSE(changes().queued());
  Started(absl::OkStatus());
  EXPECT_FALSE(changes().ApplyQueued());
}

TEST_F(ChangesTest, WhileAStartIsAwaitedANewerChangeTakesItsPlace) {
  const Reason first = File("a.py");
  changes().ApplyOrQueue(first);
  now_.awaited_start = &first;
  EXPECT_EQ(waiters_dropped_, 1);
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_EQ(changes().state(), S::kApplying);
  EXPECT_THAT(Restarts(), ElementsAre("a.py", "b.py"));
  EXPECT_EQ(waiters_dropped_, 2);
  EXPECT_EQ(changes().current().text, "b.py");
}

TEST_F(ChangesTest, WhatIsQueuedWaitsForItsTurn) {
  changes().Queue(File("a.py"));
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_TRUE(changes().ApplyQueued());
  EXPECT_THAT(Restarts(), ElementsAre("a.py"));
}

TEST_F(ChangesTest, WhatWasQueuedIsPartOfALaterOne) {
  changes().Queue(File("a.py"));
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_THAT(Restarts(), ElementsAre("b.py"));
  EXPECT_FALSE(changes().queued());
}

TEST_F(ChangesTest, WhatIsAskedForIsTakenOnce) {
  EXPECT_EQ(changes().TakeAsked(), std::nullopt);
  changes().Ask(File("asked"));
  EXPECT_TRUE(changes().queued());
  EXPECT_EQ(changes().TakeAsked()->text, "asked");
  EXPECT_EQ(changes().TakeAsked(), std::nullopt);
  EXPECT_FALSE(changes().queued());
}

// --reload-check

class CheckTest : public ChangesTest {
 protected:
  CheckTest() { options_.reload.check = {"lint"}; }
};

TEST_F(CheckTest, AChangeIsCheckedBeforeItIsApplied) {
  changes().ApplyOrQueue(File("a.py"));
  EXPECT_EQ(changes().state(), S::kChecking);
  EXPECT_THAT(os().process(os().last()).request.argv, ElementsAre("lint"));
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("CHECK=1"));
  EXPECT_THAT(Restarts(), IsEmpty());
  EndJob({});
  EXPECT_EQ(changes().state(), S::kApplying);
  EXPECT_THAT(Restarts(), ElementsAre("a.py"));
}

TEST_F(CheckTest, AChangeThatIsRefusedIsNotAppliedAndTheNextIsAwaited) {
  now_.generation = 4;
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 3});
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(again_, 1);
  EXPECT_EQ(Shown().changes_failed, 1U);
  EXPECT_EQ(Shown().change_failure, "a.py: --reload-check: exit code 3");
  EXPECT_THAT(world_.log().events(),
              ElementsAre("reload_refused generation=4 cause=file reason=a.py "
                          "changed=a.py"));
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(CheckTest, ACheckThatHangsRefuses) {
  changes().ApplyOrQueue(File("a.py"));
  world_.Advance(absl::Minutes(5) - absl::Milliseconds(1));
  EXPECT_EQ(changes().state(), S::kChecking);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_failed, 1U);
}

TEST_F(CheckTest, WhatComesDuringACheckIsOneMore) {
  changes().ApplyOrQueue(File("a.py"));
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_EQ(os().spawns(), 1);
  EndJob({.code = 3});
  EXPECT_TRUE(changes().ApplyQueued());
  EXPECT_EQ(changes().state(), S::kChecking);
  EXPECT_EQ(changes().current().text, "b.py");
}

TEST_F(CheckTest, WhatPassesWhenNothingCanBeDoneIsNext) {
  changes().ApplyOrQueue(File("a.py"));
  now_.can_act = false;
  EndJob({});
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(changes().next_text(), "a.py");
  EXPECT_EQ(Shown().changes_failed, 0U);
}

TEST_F(CheckTest, WhatPassesWhenNothingCanBeDoneGivesWayToALaterOne) {
  changes().ApplyOrQueue(File("a.py"));
  changes().ApplyOrQueue(File("b.py"));
  now_.can_act = false;
  EndJob({});
  EXPECT_EQ(changes().next_text(), "b.py");
}

TEST_F(CheckTest, WhatPassesMaySupersedeANewProcess) {
  changes().ApplyOrQueue(File("a.py"));
  now_.can_act = false;
  now_.may_supersede = true;
  EndJob({});
  EXPECT_THAT(Restarts(), ElementsAre("a.py"));
}

// The transition that change_state.h has as a sentence, not as a cell.
TEST_F(CheckTest, RefusedBesideAnAwaitedStartTheOneBeforeIsStillApplied) {
  const Reason first = File("a.py");
  changes().ApplyOrQueue(first);
  EndJob({});
  now_.awaited_start = &first;
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_EQ(changes().state(), S::kChecking);
  EXPECT_EQ(waiters_dropped_, 1);  // a.py's own: its waiter still waits
  EndJob({.code = 3});
  EXPECT_EQ(changes().state(), S::kApplying);
  EXPECT_EQ(changes().current().text, "a.py");
  EXPECT_EQ(Shown().change_failure, "b.py: --reload-check: exit code 3");
  Started(absl::OkStatus());
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_applied, 1U);
}

TEST_F(CheckTest, AStartThatEndsWhileANewerOneIsCheckedLeavesTheCheck) {
  const Reason first = File("a.py");
  changes().ApplyOrQueue(first);
  EndJob({});
  now_.awaited_start = &first;
  changes().ApplyOrQueue(File("b.py"));
  now_.awaited_start = nullptr;
  Started(absl::OkStatus());
  EXPECT_EQ(changes().state(), S::kChecking);
  changes().OnStarted(world_.now());
  EXPECT_EQ(changes().state(), S::kChecking);
  EndJob({});
  EXPECT_THAT(Restarts(), ElementsAre("a.py", "b.py"));
}

TEST_F(CheckTest, ACheckThatEndsWhileReinitEndsIsNoNews) {
  changes().ApplyOrQueue(File("a.py"));
  now_.ending = true;
  EndJob({});
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(again_, 0);
}

TEST_F(CheckTest, CancelKillsTheCheck) {
  changes().ApplyOrQueue(File("a.py"));
  const pid_t check = os().last();
  changes().Cancel();
  world_.Settle();
  EXPECT_FALSE(os().Alive(check));
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

// What the process that runs has already.

TEST_F(ChangesTest, AChangeFromBeforeTheProcessWasStartedIsHad) {
  const absl::Duration tick = absl::Milliseconds(50);
  changes().OnStarted(world_.now());
  Reason reason = File("a.py", 5);
  reason.done_by = world_.now() - tick;
  EXPECT_FALSE(changes().DropIfHad(reason));
  reason.done_by -= absl::Nanoseconds(1);
  changes().OnNoticed();
  EXPECT_TRUE(changes().DropIfHad(reason));
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().attempted_content, 5U);
  EXPECT_EQ(Shown().applied_content, 5U);
}

TEST_F(ChangesTest, InDoubtItIsNotHad) {
  Reason old = File("a.py");
  old.done_by = absl::UnixEpoch();
  EXPECT_FALSE(changes().DropIfHad(old));  // no process was started yet
  changes().OnStarted(world_.now());
  EXPECT_TRUE(changes().DropIfHad(old));
  now_.has_process = false;
  EXPECT_FALSE(changes().DropIfHad(old));
  now_.has_process = true;
  EXPECT_FALSE(changes().DropIfHad(File("of an unknown time")));
  options_.reload.check = {"make"};
  EXPECT_FALSE(changes().DropIfHad(old));
}

// What else is told and shown.

TEST_F(ChangesTest, AStartThatFailedIsShownUntilOneIsReady) {
  changes().OnStartFailed(File("a.py"), "it ended");
  EXPECT_EQ(Shown().change_failure, "a.py: it ended");
  changes().ForgetFailure();
  EXPECT_EQ(Shown().change_failure, "");
}

TEST_F(ChangesTest, AFailureThatStandsIsNotForgotten) {
  changes().ApplyOrQueue(File("a.py"));
  Started(absl::AbortedError("it ended"));
  changes().ForgetFailure();
  EXPECT_EQ(Shown().change_failure, "a.py: it ended");
}

TEST_F(CheckTest, WhatIsAwaitedIsShown) {
  EXPECT_EQ(Shown().change, "none");
  changes().OnNoticed();
  EXPECT_EQ(Shown().change, "settling");
  EXPECT_EQ(Shown().change_text, "");
  changes().ApplyOrQueue(File("a.py"));
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Shown().change, "checking");
  EXPECT_EQ(Shown().change_text, "a.py");
  ASSERT_TRUE(Shown().awaited.has_value());
  EXPECT_EQ(Shown().awaited->what, "--reload-check");
  EXPECT_EQ(Shown().awaited->since, absl::Seconds(2));
  EndJob({});
  world_.Advance(absl::Seconds(3));
  EXPECT_EQ(Shown().change, "applying");
  EXPECT_EQ(Shown().awaited->what, "--on-change");
  EXPECT_EQ(Shown().awaited->since, absl::Seconds(3));
  EXPECT_FALSE(Shown(/*starts=*/true).awaited.has_value());
}

}  // namespace
}  // namespace reinit
