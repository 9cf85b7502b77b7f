// What is counted and shown: starts that took the place of another, and ends.
#include <signal.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class CountsTest : public OverlapTest {
 protected:
  uint64_t Count(std::string_view cause) {
    for (const auto& [name, count] : Describe().restarts) {
      if (name == cause) return count;
    }
    ADD_FAILURE() << cause;
    return 0;
  }
  void StopFirst() {
    options_.restart.order = RestartOptions::Order::kStopFirst;
    options_.restart.policy = RestartOptions::Policy::kAlways;
    Begin();
  }
};

TEST_F(CountsTest, ARestartThatIsAskedForTwiceCountsOnce) {
  StopFirst();
  Exit(2);
  ASSERT_EQ(Describe().state, "backoff");
  EXPECT_THAT(Describe().last_restarts, IsEmpty());
  EXPECT_TRUE(supervisor_->AskRestart(0, nullptr).ok());
  EXPECT_TRUE(supervisor_->AskRestart(0, nullptr).ok());
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(Count("control"), 1u);
  EXPECT_EQ(Count("exit"), 0u);
  ASSERT_THAT(Describe().last_restarts, SizeIs(1));
  EXPECT_EQ(Describe().last_restarts[0].generation, 1);
}

TEST_F(CountsTest, WhatGaveUpDidNotRestart) {
  options_.restart.limit_burst = 1;
  StopFirst();
  Exit(2);
  world_.Advance(absl::Seconds(1));
  Exit(2);
  ExpectEnded(2);
  EXPECT_EQ(Count("exit"), 1u);
}

TEST_F(CountsTest, StartFirstCountsTheOneThatTookOver) {
  Begin();
  Overlap();
  EXPECT_EQ(Count("file"), 0u);
  EXPECT_EQ(Describe().generation, 1);
  Exit(4);
  EXPECT_EQ(Count("file"), 0u);
  EXPECT_EQ(Describe().generation, 1);
  EXPECT_EQ(Describe().exits, 1u);
  EXPECT_EQ(Describe().last_exit, "exit code 4");
  world_.Advance(absl::Milliseconds(100));
  Ready();
  EXPECT_EQ(Count("file"), 1u);
  EXPECT_EQ(Describe().generation, 3);
  ASSERT_THAT(Describe().last_restarts, SizeIs(1));
  EXPECT_EQ(Describe().last_restarts[0].generation, 1);
  EXPECT_EQ(Describe().exits, 2u);  // the old one as well
  EXPECT_EQ(Describe().last_exit, "SIGTERM");
}

// Nor does one in whose place comes that for a newer change.
TEST_F(CountsTest, OneThatIsSupersededDoesNotCount) {
  Begin();
  Overlap();
  Change("b.py");
  Ready();
  EXPECT_EQ(Count("file"), 1u);
  ASSERT_THAT(Describe().last_restarts, SizeIs(1));
  EXPECT_EQ(Describe().last_restarts[0].text, "b.py");
  EXPECT_EQ(Describe().last_restarts[0].generation, 1);
}

// It is the only one there then.
TEST_F(CountsTest, TheOldOneMayEndMeanwhile) {
  Begin();
  Overlap();
  End(old_, {.code = 1});
  EXPECT_EQ(Count("file"), 1u);
  EXPECT_EQ(Describe().generation, 2);
  Ready();
  EXPECT_EQ(Count("file"), 1u);
}

// What it had said belongs to that one, not to the next.
TEST_F(CountsTest, HowTheLastOneEndedStays) {
  StopFirst();
  Exit(3);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Describe().process->pid, os().last());
  EXPECT_EQ(Describe().last_exit, "exit code 3");
}

TEST_F(CountsTest, AProgramThatCannotRunIsNoRestart) {
  StopFirst();
  os().set_exec_error(ENOENT);
  Change();
  EXPECT_EQ(Count("file"), 0u);
  os().set_exec_error(0);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Count("file") + Count("exit"), 1u);
}

// What the kernel kills for lack of memory below the process.

class OomTest : public CountsTest {
 protected:
  OomTest() { os().set_has_oom_events(true); }
  void KillBelow() {
    os().set_oom_kills(*os().OomKills() + 1);
    os().AnnounceOomEvents();
    world_.Settle();
  }
  bool Says(const std::string& text) {
    for (const std::string& line : world_.log().lines()) {
      if (absl::StrContains(line, text)) return true;
    }
    return false;
  }
};

TEST_F(OomTest, IsLoggedAndCountedWhileTheProcessGoesOn) {
  StopFirst();
  KillBelow();
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Says("the kernel has killed 1 process below the main process"));
  EXPECT_EQ(Describe().oom_kills, 1u);
}

TEST_F(OomTest, IsTheReasonOfAnEndThatFollows) {
  StopFirst();
  KillBelow();
  Exit(137);
  world_.Advance(absl::Seconds(1));
  const std::string reason =
      "exit code 137, after the kernel had killed 1 process below it: out of "
      "memory";
  EXPECT_TRUE(Says(absl::StrCat("ended: ", reason)));
  EXPECT_TRUE(Says(absl::StrCat("restart 1: ", reason)));
  EXPECT_EQ(Describe().last_exit, reason);
  EXPECT_EQ(Describe().oom_kills, 1u);
}

TEST_F(OomTest, IsNotTheReasonOfAnEndThatComesLater) {
  StopFirst();
  KillBelow();
  world_.Advance(absl::Seconds(1));
  world_.Advance(absl::Seconds(10));
  Exit(1);
  EXPECT_EQ(Describe().last_exit, "exit code 1");
}

TEST_F(OomTest, IsNotTheReasonOfAnEndThatWasAskedFor) {
  os().set_deaf_by_default(true);
  StopFirst();
  Change();
  KillBelow();
  Exit(1);
  EXPECT_EQ(Describe().last_exit, "exit code 1");
}

TEST_F(OomTest, TheProcessItselfIsNamedOnce) {
  StopFirst();
  os().set_oom_kills(1);
  os().AnnounceOomEvents();
  os().Exit(os().last(), {.signal = SIGKILL});
  world_.Settle();
  world_.Advance(absl::Seconds(2));
  EXPECT_TRUE(Says("restart 1: SIGKILL, by the kernel: out of memory"));
  EXPECT_FALSE(Says("below the main process"));
  EXPECT_EQ(Describe().oom_kills, 1u);
}

TEST_F(SupervisorTest, APlainInitDoesNotWatchForOomKills) {
  os().set_has_oom_events(true);
  StartPlain();
  EXPECT_FALSE(os().opened_oom_events());
}

TEST_F(SupervisorTest, ASupervisorWatchesForOomKills) {
  os().set_has_oom_events(true);
  StartSupervising();
  EXPECT_TRUE(os().opened_oom_events());
}

}  // namespace
}  // namespace reinit
