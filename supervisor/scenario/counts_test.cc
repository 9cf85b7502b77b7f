// What is counted and shown: starts that took the place of another, and ends.
#include <signal.h>

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/overlap_fixture.h"

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
  EXPECT_TRUE(supervisor_->AskRestart().ok());
  EXPECT_TRUE(supervisor_->AskRestart().ok());
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

}  // namespace
}  // namespace reinit
