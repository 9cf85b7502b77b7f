#include "supervisor/run/replacement.h"

#include <signal.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/change/changes_fixture.h"
#include "supervisor/scenario/fake_instance.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::Duration kTick = absl::Milliseconds(1);

class ReplacementTest : public ChangesTest {
 protected:
  ReplacementTest() {
    options_.restart.limit_burst = 2;
    os().set_deaf_by_default(true);
    now_.awaited_start = &awaited_;
  }

  // Made at the first use, so that a test can set options before.
  RestartPlan& plan() {
    if (!plan_.has_value()) plan_.emplace(options_.restart, &random_);
    return *plan_;
  }
  Replacement& replacement() {
    if (!replacement_.has_value()) {
      const Replacement::Parts parts = {&pair_, &plan(), &changes(), &outcomes_,
                                        &last_end_};
      replacement_.emplace(world_.context(), &options_, parts, MakeHooks());
    }
    return *replacement_;
  }

  static Reason Failure(const std::string& text) {
    Reason reason;
    reason.cause = Reason::Cause::kHealth;
    reason.text = text;
    return reason;
  }
  void OnlySignal() {
    options_.reload.on_change = {
        {ChangeAction::Kind::kSignal, SIGHUP, "signal:HUP"}};
  }
  // As the Runner does it.
  void Plan(const Reason& reason) {
    Action::OnDone done;
    if (reason.IsChange()) {
      changes().ApplyOrQueue(reason);
      done = restarts_.back().second;
    }
    ASSERT_TRUE(plan().Make(reason, done, false, 1, world_.now()));
  }
  // The old process serves, and the new one runs and is not ready.
  void Overlap(const Reason& reason) {
    pair_.Add(StartReadyInstance(&world_, 1));
    Plan(reason);
    StartNew(2);
  }
  void StartNew(int generation) {
    const auto note_end = [this](Instance::Event event) {
      if (event == Instance::Event::kGone) calls_.push_back("gone");
    };
    pair_.Add(StartInstance(&world_, generation, /*own_group=*/true, note_end));
    ASSERT_TRUE(pair_.Overlapping());
  }
  // What the restart hook of the changes leads to, as the Runner does it.
  void SupersedeForTheChange() {
    const auto [reason, done] = restarts_.back();
    replacement().Supersede(reason);
    ASSERT_TRUE(plan().Make(reason, done, false, 1, world_.now()));
    replacement().Withdraw();
  }
  // The new process has gone, and the next one is started.
  void StartNext() {
    os().Exit(pair_.leaving()->pid(), {});
    world_.Settle();
    pair_.DropLeaving();
    world_.Settle();
    StartNew(++generation_);
  }
  void SupersedeFive() {
    for (const char* const newer : {"1", "2", "3", "4", "5"}) {
      replacement().Judge(File(newer));
      ASSERT_EQ(Restarts().back(), newer);
      SupersedeForTheChange();
      StartNext();
    }
  }
  void UseUpTheLimit() {
    while (plan().limit().Used(world_.now()) < plan().limit().burst()) {
      ASSERT_TRUE(plan().Again(world_.now()));
    }
  }

  void ExpectOldOneServes() {
    EXPECT_FALSE(pair_.Overlapping());
    EXPECT_EQ(pair_.current()->generation(), 1);
    EXPECT_FALSE(pair_.current()->stop_requested());
    EXPECT_THAT(Received(pair_.current()), IsEmpty());
  }
  std::vector<int> Received(const Instance* one) {
    return os().process(one->pid()).received;
  }

  const Reason awaited_ = File("awaited");
  InstancePair pair_{world_.context()};
  LastEnd last_end_;
  std::optional<RestartPlan> plan_;
  std::optional<Replacement> replacement_;
  std::vector<std::string> calls_;  // of the hooks
  int generation_ = 2;              // of the newest process

 private:
  Replacement::Hooks MakeHooks() {
    Replacement::Hooks hooks;
    hooks.moved = [this] {
      calls_.push_back(absl::StrCat("moved ", pair_.current()->generation()));
    };
    hooks.again = [this] { calls_.push_back("again"); };
    hooks.start_if_due = [this] { calls_.push_back("start"); };
    hooks.give_up = [this](std::string_view why) {
      calls_.push_back(absl::StrCat("give up: ", why));
    };
    return hooks;
  }
};

// A failure of the new process: rolled back.

TEST_F(ReplacementTest, AFailureOfTheNewProcessIsRolledBack) {
  Overlap(File("a.py"));
  replacement().Judge(Failure("sick"));
  ExpectOldOneServes();
  EXPECT_THAT(Received(pair_.leaving()), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(calls_, ElementsAre("moved 1", "start"));
  EXPECT_EQ(plan()->reason.text, "a.py");
  EXPECT_EQ(plan()->delay, options_.restart.delay);
  EXPECT_EQ(plan().limit().Used(world_.now()), 1);
  EXPECT_EQ(world_.log().last_level(), LogLevel::kWarning);
  EXPECT_THAT(world_.log().events(),
              ElementsAre(StartsWith("replacement_failed generation=1 ")));
}

TEST_F(ReplacementTest, ANewProcessThatEndedIsCleanedUpAfterItsRetryIsPlanned) {
  Overlap(File("a.py"));
  os().Exit(pair_.current()->pid(), {.code = 3});
  world_.Settle();
  replacement().RollBack("ended: exit code 3");
  world_.Settle();
  ExpectOldOneServes();
  EXPECT_EQ(pair_.leaving()->state(), InstanceState::kGone);
  EXPECT_THAT(calls_, ElementsAre("moved 1", "start", "gone"));
}

TEST_F(ReplacementTest, AnOomKillOfTheNewProcessIsNotCountedForTheOldOne) {
  Overlap(File("a.py"));
  last_end_.OnStart(0);
  os().set_oom_kills(1);
  replacement().RollBack("ended: SIGKILL");
  EXPECT_EQ(last_end_.Count({.signal = SIGKILL}, "", 1), "");
  EXPECT_EQ(last_end_.Count({.signal = SIGKILL}, "", 2), "oom-kill");
}

// A newer change that restarts: superseded.

TEST_F(ReplacementTest, ANewerChangeThatRestartsSupersedesTheNewProcess) {
  Overlap(File("a.py"));
  EXPECT_TRUE(replacement().MaySupersede());
  replacement().Judge(File("b.py"));
  EXPECT_THAT(Restarts(), ElementsAre("a.py", "b.py"));
  EXPECT_THAT(calls_, IsEmpty());
  SupersedeForTheChange();
  ExpectOldOneServes();
  EXPECT_THAT(Received(pair_.leaving()), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(calls_, ElementsAre("moved 1"));
  EXPECT_THAT(world_.log().events(),
              ElementsAre(AllOf(StartsWith("superseded generation=1 "),
                                HasSubstr("reason=b.py"), HasSubstr("=a.py"))));
  // This is no failure.
  EXPECT_EQ(plan()->reason.text, "b.py");
  EXPECT_EQ(plan()->delay, absl::ZeroDuration());
  EXPECT_EQ(plan().limit().Used(world_.now()), 0);
  EXPECT_EQ(Shown().changes_failed, 0u);
}

TEST_F(ReplacementTest, NothingIsSupersededWithoutAnOverlap) {
  pair_.Add(StartReadyInstance(&world_, 1));
  EXPECT_FALSE(replacement().MaySupersede());
}

// Any other newer change: queued.

TEST_F(ReplacementTest, AChangeThatDoesNotRestartIsQueued) {
  OnlySignal();
  Overlap(Failure("sick"));
  EXPECT_FALSE(replacement().MaySupersede());
  replacement().Judge(File("b.conf"));
  ASSERT_TRUE(changes().queued());
  EXPECT_EQ(changes().next_text(), "b.conf");
  EXPECT_THAT(signals_, IsEmpty());
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_THAT(os().sent(), IsEmpty());
  EXPECT_TRUE(pair_.Overlapping());
  EXPECT_THAT(world_.log().lines(), Contains(StartsWith("b.conf: next")));
}

// A newer change, after five that were superseded: queued.

TEST_F(ReplacementTest, AfterFiveInARowTheNextChangeIsQueued) {
  Overlap(File("a.py"));
  SupersedeFive();
  EXPECT_FALSE(replacement().MaySupersede());
  calls_.clear();
  replacement().Judge(File("sixth"));
  EXPECT_EQ(Restarts().back(), "5");
  ASSERT_TRUE(changes().queued());
  EXPECT_EQ(changes().next_text(), "sixth");
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_TRUE(pair_.Overlapping());
}

TEST_F(ReplacementTest, ATakeoverEndsTheRow) {
  Overlap(File("a.py"));
  SupersedeFive();
  replacement().OnTakenOver();
  EXPECT_TRUE(replacement().MaySupersede());
}

TEST_F(ReplacementTest, AFailureEndsTheRow) {
  Overlap(File("a.py"));
  SupersedeFive();
  replacement().Judge(Failure("sick"));
  StartNext();
  EXPECT_TRUE(replacement().MaySupersede());
}

// Retry.

TEST_F(ReplacementTest, AtTheLimitAFailureGivesUp) {
  Overlap(Failure("sick"));
  UseUpTheLimit();
  replacement().RollBack("ended: exit code 3");
  EXPECT_THAT(calls_,
              ElementsAre("moved 1", "give up: sick: ended: exit code 3"));
  EXPECT_TRUE(pair_.leaving()->stop_requested());
}

TEST_F(ReplacementTest, AtTheLimitAChangeIsDroppedAndTheOldProcessStays) {
  Overlap(File("a.py"));
  UseUpTheLimit();
  replacement().RollBack("ended: exit code 3");
  ExpectOldOneServes();
  EXPECT_THAT(calls_, ElementsAre("moved 1"));
  EXPECT_FALSE(plan().has_value());
  EXPECT_EQ(plan().limit().Used(world_.now()), 0);
  EXPECT_EQ(world_.log().last_level(), LogLevel::kError);
  // The change hears of it.
  EXPECT_EQ(Shown().changes_failed, 1u);
  EXPECT_EQ(changes().state(), ChangeState::kPending);
  EXPECT_EQ(Shown().change_failure, "a.py: ended: exit code 3");
}

TEST_F(ReplacementTest, AtTheLimitAQueuedChangeIsStillTried) {
  Overlap(Failure("sick"));
  UseUpTheLimit();
  changes().Queue(File("cure.py"));
  replacement().Retry("--pre-start: exit code 3");
  EXPECT_THAT(calls_, ElementsAre("again", "start"));
  EXPECT_EQ(plan()->reason.text, "sick");
  EXPECT_EQ(plan()->delay, 4 * options_.restart.delay);
  EXPECT_THAT(world_.log().lines(), ElementsAre(HasSubstr("with cure.py")));
}

TEST_F(ReplacementTest, AQueuedChangeThatDoesNotRestartIsNoCure) {
  OnlySignal();
  Overlap(Failure("sick"));
  changes().Queue(File("a.conf"));
  replacement().Retry("--pre-start: exit code 3");
  EXPECT_EQ(plan().limit().Used(world_.now()), 2);
  EXPECT_THAT(calls_, ElementsAre("start"));
}

TEST_F(ReplacementTest, ATicketHearsOfAFailureUnlessAChangeIsQueued) {
  Overlap(File("a.py"));
  const uint64_t ticket = outcomes_.Await(Outcomes::Kind::kRestart);
  outcomes_.Start(plan().reason(), nullptr, true, world_.now());
  changes().Queue(File("cure.py"));
  replacement().Retry("sick");
  EXPECT_FALSE(outcomes_.Of(ticket).has_value());
  changes().ApplyQueued();
  replacement().Retry("sick");
  ASSERT_TRUE(outcomes_.Of(ticket).has_value());
  EXPECT_FALSE(outcomes_.Of(ticket)->ok());
}

// EndProbation.

TEST_F(ReplacementTest, TheEndOfTheProbationStopsTheOldProcessInTime) {
  Overlap(File("a.py"));
  pair_.leaving()->Stop(SIGTERM, absl::InfiniteDuration());
  replacement().EndProbation(2);
  world_.Advance(options_.stop.timeout - kTick);
  EXPECT_TRUE(pair_.leaving()->alive());
  world_.Advance(kTick);
  EXPECT_FALSE(pair_.leaving()->alive());
}

TEST_F(ReplacementTest, TheEndOfTheProbationKeepsADeadlineThatIsSet) {
  Overlap(File("a.py"));
  pair_.leaving()->Stop(SIGTERM, absl::Seconds(3));
  const absl::Time deadline = pair_.leaving()->stop_deadline();
  world_.Advance(absl::Seconds(1));
  replacement().EndProbation(2);
  EXPECT_EQ(pair_.leaving()->stop_deadline(), deadline);
}

TEST_F(ReplacementTest, TheEndOfTheProbationIsNotForAProcessThatServes) {
  replacement().EndProbation(0);  // without any process
  Overlap(File("a.py"));
  replacement().EndProbation(2);
  EXPECT_EQ(pair_.leaving()->stop_deadline(), absl::InfiniteFuture());
  EXPECT_THAT(os().sent(), IsEmpty());
}

TEST_F(ReplacementTest, TheEndOfTheProbationIsNotForAProcessThatWasWithdrawn) {
  options_.stop.timeout = absl::InfiniteDuration();
  Overlap(File("a.py"));
  replacement().Withdraw();
  options_.stop.timeout = absl::Seconds(1);
  replacement().EndProbation(2);
  EXPECT_EQ(pair_.leaving()->stop_deadline(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace reinit
