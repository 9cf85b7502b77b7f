// Changes that are applied by another action than the start of a process.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/change/changes.h"
#include "supervisor/change/changes_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using S = ChangeState;

// --on-change=exec:build
class ExecTest : public ChangesTest {
 protected:
  ExecTest() {
    ChangeAction action;
    action.kind = ChangeAction::Kind::kExec;
    action.argv = {"build"};
    options_.reload.on_change = {action};
    options_.reload.retry_delay = absl::Seconds(5);
  }
  std::vector<std::string> Given() {
    return os().process(os().last()).request.environment;
  }
};

TEST_F(ExecTest, ItIsAppliedWhenItsCommandSucceeds) {
  changes().ApplyOrQueue(File("a.py"));
  EXPECT_EQ(changes().state(), S::kApplying);
  EXPECT_THAT(Given(), Contains("FOR=a.py"));
  EndJob({});
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_applied, 1U);
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(again_, 1);
  EXPECT_FALSE(changes().NextRestarts());
}

TEST_F(ExecTest, WhatFailsIsTriedAgainLessAndLessOften) {
  changes().ApplyOrQueue(File("a.py"));
  int spawns = 1;
  for (const int seconds : {5, 10, 20, 30, 30}) {
    EndJob({.code = 1});
    EXPECT_EQ(changes().state(), S::kPending);
    world_.Advance(absl::Seconds(seconds) - absl::Milliseconds(1));
    EXPECT_EQ(os().spawns(), spawns);
    world_.Advance(absl::Milliseconds(1));
    EXPECT_EQ(os().spawns(), ++spawns) << seconds;
    EXPECT_EQ(changes().state(), S::kApplying);
  }
  EndJob({});
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_failed, 5U);
  EXPECT_EQ(Shown().changes_applied, 1U);
  EXPECT_EQ(Shown().change_failure, "");
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), spawns);
}

TEST_F(ExecTest, ALaterChangeIsTriedAtOnceAndInItsPlace) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_THAT(Given(), Contains("FOR=b.py"));
  EndJob({});
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 2);
}

// A command gets all files that changed since the last command that succeeded.
TEST_F(ExecTest, FilesOfWhatWasNotAppliedAreToldWithTheNextChange) {
  changes().ApplyOrQueue(File("a.py"));
  EXPECT_EQ(told_.files.text(), "a.py");
  EndJob({.code = 1});
  changes().ApplyOrQueue(File("b.py"));
  EXPECT_EQ(told_.files.text(), "a.py\nb.py");
  EXPECT_EQ(told_.files.count(), 2U);
  EXPECT_EQ(told_.changed, "b.py");
  // Two that come while that one is being applied.
  changes().ApplyOrQueue(File("c.py"));
  changes().ApplyOrQueue(File("d.py"));
  EndJob({});
  ASSERT_TRUE(changes().ApplyQueued());
  EXPECT_EQ(told_.files.text(), "c.py\nd.py");
  EndJob({.code = 1});
  world_.Advance(absl::Seconds(5));  // the same once more
  EXPECT_EQ(told_.files.text(), "c.py\nd.py");
  EXPECT_EQ(told_.files.count(), 2U);
  EndJob({});
  changes().ApplyOrQueue(File("e.py"));
  EXPECT_EQ(told_.files.text(), "e.py");
  EXPECT_EQ(told_.files.count(), 1U);
}

TEST_F(ExecTest, AndOfWhatTheCheckHasRefused) {
  options_.reload.check = {"check"};
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  changes().ApplyOrQueue(File("b.py"));
  EndJob({});
  EXPECT_EQ(told_.files.text(), "a.py\nb.py");
}

TEST_F(ExecTest, WhatASidecarHasAppliedStandsInAFile) {
  const std::string file = testing::TempDir() + "/applied";
  std::filesystem::remove(file);
  options_.command.clear();
  options_.reload.on_start_file = file;
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.conf", 0x12));
  EndJob({.code = 1});
  EXPECT_FALSE(std::filesystem::exists(file));
  changes().ApplyOrQueue(File("b.conf", 0x13));
  EndJob({});
  std::string text;
  std::getline(std::ifstream(file), text);
  EXPECT_EQ(text, "0000000000000013");
}

TEST_F(ExecTest, ARetryWaitsWhileNothingCanBeDone) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  now_.can_act = false;
  world_.Advance(absl::Seconds(20));
  EXPECT_EQ(os().spawns(), 1);
  now_.can_act = true;
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 2);
}

// Half of a change that is settling is not to be applied.
TEST_F(ExecTest, ARetryWaitsOnceForAChangeThatWasNoticed) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  changes().OnNoticed();
  EXPECT_EQ(changes().state(), S::kPending);
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(ExecTest, NothingIsTriedAgainAtTheEnd) {
  changes().ApplyOrQueue(File("a.py"));
  now_.ending = true;
  EndJob({.code = 1});
  EXPECT_EQ(again_, 0);
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

TEST_F(ExecTest, ARetryThatIsDueAtTheEndIsNone) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  now_.ending = true;
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

TEST_F(ExecTest, CancelEndsTheCommandOrTheRetry) {
  changes().ApplyOrQueue(File("a.py"));
  const pid_t command = os().last();
  changes().Cancel();
  world_.Settle();
  EXPECT_FALSE(os().Alive(command));
  EXPECT_EQ(Shown().changes_failed, 0U);
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

TEST_F(ExecTest, CancelEndsTheRetry) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  EXPECT_EQ(world_.loop().armed_timers(), 1U);
  changes().Cancel();
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

// A start does not do it.

TEST_F(ExecTest, AProcessThatStartsHasNotWhatIsPending) {
  changes().ApplyOrQueue(File("a.py"));
  EndJob({.code = 1});
  changes().OnStarted(world_.now());
  EXPECT_EQ(changes().state(), S::kPending);
  Reason old = File("a.py");
  old.done_by = absl::UnixEpoch();
  EXPECT_FALSE(changes().DropIfHad(old));
}

TEST_F(ExecTest, WithoutAProcessOneIsStartedAndThenItIsDone) {
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.py"));
  EXPECT_THAT(Restarts(), ElementsAre("a.py"));
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_EQ(changes().state(), S::kApplying);
  Started(absl::OkStatus());
  EXPECT_THAT(Given(), Contains("FOR=a.py"));
  EXPECT_EQ(changes().state(), S::kApplying);
  EndJob({});
  EXPECT_EQ(changes().state(), S::kNone);
}

TEST_F(ExecTest, WithoutAProcessAStartThatFailsIsAFailure) {
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.py"));
  Started(absl::AbortedError("it ended"));
  EXPECT_EQ(changes().state(), S::kPending);
  EXPECT_EQ(os().spawns(), 0);
  // That alone is tried again: the command may be what is missing.
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_EQ(Restarts().size(), 1U);
}

TEST_F(ExecTest, ASidecarStartsNothing) {
  options_.command.clear();
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.py"));
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_THAT(Given(), Contains("FOR=a.py"));
}

// A start that somebody else has planned.

TEST_F(ChangesTest, AStartThatWasPlannedAnywayAppliesIt) {
  const Action::OnDone done = changes().BeginByStart(File("a.py", 5));
  EXPECT_EQ(changes().state(), S::kApplying);
  EXPECT_THAT(Restarts(), IsEmpty());
  EXPECT_EQ(waiters_dropped_, 1);
  done(absl::OkStatus());
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().applied_content, 5U);
}

TEST_F(ExecTest, AStartThatWasPlannedAnywayIsFollowedByTheAction) {
  const Action::OnDone done = changes().BeginByStart(File("a.py"));
  EXPECT_EQ(os().spawns(), 0);
  done(absl::OkStatus());
  EXPECT_THAT(Given(), Contains("FOR=a.py"));
  EXPECT_EQ(changes().state(), S::kApplying);
}

// --on-change=signal:HUP, which a start does as well.

class SignalTest : public ChangesTest {
 protected:
  SignalTest() {
    ChangeAction action;
    action.kind = ChangeAction::Kind::kSignal;
    action.value = SIGHUP;
    options_.reload.on_change = {action};
  }
};

TEST_F(SignalTest, ASignalThatWasSentIsApplied) {
  changes().ApplyOrQueue(File("a.conf"));
  EXPECT_THAT(signals_, ElementsAre(SIGHUP));
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_EQ(Shown().changes_applied, 1U);
}

TEST_F(SignalTest, WithoutAProcessAStartIsAllItTakes) {
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.conf"));
  EXPECT_THAT(Restarts(), ElementsAre("a.conf"));
  Started(absl::OkStatus());
  EXPECT_EQ(changes().state(), S::kNone);
  EXPECT_THAT(signals_, IsEmpty());
}

// What came later may be newer than the process that has just started.
TEST_F(SignalTest, WhatIsQueuedIsNotForgottenAtAStart) {
  now_.has_process = false;
  changes().ApplyOrQueue(File("a.conf"));
  Started(absl::AbortedError("it ended"));
  EXPECT_EQ(changes().state(), S::kPending);
  changes().Queue(File("b.conf"));
  changes().OnStarted(world_.now());
  EXPECT_EQ(changes().state(), S::kPending);
  EXPECT_TRUE(changes().queued());
}

}  // namespace
}  // namespace reinit
