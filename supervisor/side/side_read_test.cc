#include "supervisor/side/side_read.h"

#include <signal.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SideReadTest : public ::testing::Test {
 protected:
  void Read(const absl::StatusOr<std::string>& result) {
    read_.Start([&] { return result; },
                [this](const absl::StatusOr<std::string>& text) {
                  got_.push_back(text.ok() ? *text : text.status().ToString());
                });
  }
  FakeOs& os() { return world_.os(); }

  FakeWorld world_;
  SideRead read_{world_.context()};
  std::vector<std::string> got_;
};

TEST_F(SideReadTest, TheTextComesThrough) {
  const std::string text("a\0b", 3);
  const std::string most(SideRead::kMost, 'x');
  for (const std::string& one : {text, std::string(), most}) {
    Read(one);
    EXPECT_TRUE(read_.busy());
    world_.Settle();
    EXPECT_FALSE(read_.busy());
  }
  EXPECT_THAT(got_, ElementsAre(text, "", most));
}

TEST_F(SideReadTest, WhatCannotBeReadIsSaid) {
  Read(absl::NotFoundError("no such file"));
  world_.Settle();
  Read(std::string(SideRead::kMost + 1, 'x'));
  world_.Settle();
  EXPECT_THAT(got_, ElementsAre("FAILED_PRECONDITION: no such file",
                                "FAILED_PRECONDITION: too large"));
}

TEST_F(SideReadTest, WhatHangsIsLeft) {
  os().set_hold_forks(true);
  Read("a");
  const pid_t hung = os().last_fork();
  os().process(hung).unkillable = true;
  world_.Advance(SideChild::kPatience - absl::Milliseconds(1));
  EXPECT_THAT(got_, IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(
      got_, ElementsAre("DEADLINE_EXCEEDED: its file system does not answer"));
  EXPECT_THAT(os().process(hung).received, ElementsAre(SIGKILL));
  os().set_hold_forks(false);
  Read("b");
  os().Exit(hung, {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(got_.back(), "b");
  EXPECT_EQ(got_.size(), 2U);
  EXPECT_EQ(world_.children().size(), 0U);
}

// However often somebody asks.
TEST_F(SideReadTest, OnlySoManyHangAtATime) {
  os().set_hold_forks(true);
  for (size_t i = 0; i < SideChild::kMostHung + 5; ++i) {
    Read("a");
    if (read_.busy()) os().process(os().last_fork()).unkillable = true;
    world_.Advance(SideChild::kPatience);
  }
  EXPECT_EQ(got_.size(), SideChild::kMostHung + 5);
  EXPECT_EQ(os().forks(), static_cast<int>(SideChild::kMostHung));
  // Once one has ended, the next may try.
  os().Exit(os().last_fork(), {.signal = SIGKILL});
  world_.Settle();
  os().set_hold_forks(false);
  Read("b");
  world_.Settle();
  EXPECT_EQ(got_.back(), "b");
}

TEST_F(SideReadTest, NoForkIsUnavailable) {
  os().set_fork_fails(true);
  Read("a");
  EXPECT_EQ(got_.size(), 1U);
  EXPECT_FALSE(read_.busy());
}

TEST_F(SideReadTest, OneThatIsNotWantedAnyMore) {
  os().set_hold_forks(true);
  Read("a");
  read_.Cancel();
  EXPECT_FALSE(read_.busy());
  EXPECT_FALSE(os().Alive(os().last_fork()));
  os().set_hold_forks(false);
  Read("b");
  world_.Settle();
  EXPECT_THAT(got_, ElementsAre("b"));
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

}  // namespace
}  // namespace reinit
