#include "supervisor/strategy/accept_strategy.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/strategy/ready_strategy.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Verdict = AcceptWatch::Verdict;

// Under the strategy that it is made for, which knows the timeout.
class AcceptStrategyTest : public ::testing::Test {
 protected:
  AcceptStrategyTest() { Make(RestartOptions::Order::kStopFirst); }

  void Make(RestartOptions::Order order) {
    options_.kind = ReadyOptions::Kind::kAccept;
    strategy_ = MakeReadyStrategy(
        world_.context(), &options_,
        MakeAcceptStrategy(world_.context(), order, /*sockets=*/nullptr,
                           /*worker=*/0,
                           [this](absl::Span<const pid_t> pids,
                                  absl::Span<const ListenSockets::Id>, size_t) {
                             ++looks_;
                             looked_at_.assign(pids.begin(), pids.end());
                             return answer_;
                           }));
    strategy_->Start([this](Strategy::Wake) { ++wakes_; });
  }

  void Up(int generation = 1) {
    view_ = {};
    view_.generation = generation;
    view_.state = InstanceState::kUp;
    view_.pid = world_.os().AddChildOf(FakeOs::kSelf);
    view_.group = view_.pid;
    strategy_->OnInstance(view_);
  }
  void Become(InstanceState state) {
    view_.state = state;
    strategy_->OnInstance(view_);
  }
  void Answer(Verdict verdict, std::string text = "") {
    answer_ = {verdict, std::move(text)};
  }

  FakeWorld world_;
  ReadyOptions options_;
  AcceptWatch::Answer answer_;
  std::unique_ptr<Strategy> strategy_;
  InstanceView view_;
  std::vector<pid_t> looked_at_;
  int looks_ = 0;
  int wakes_ = 0;
};

TEST_F(AcceptStrategyTest, ReadyWhenServed) {
  Up();
  const pid_t worker = world_.os().AddChildOf(view_.pid);
  world_.Advance(absl::Milliseconds(100));
  EXPECT_FALSE(strategy_->Ready());
  EXPECT_GT(looks_, 5);
  EXPECT_THAT(looked_at_, Contains(worker));
  Answer(Verdict::kServed);
  world_.Advance(absl::Milliseconds(20));
  EXPECT_TRUE(strategy_->Ready());
  EXPECT_EQ(wakes_, 1);
  // Nobody looks any more.
  Become(InstanceState::kReady);
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

TEST_F(AcceptStrategyTest, TheNextProcessIsLookedAtAnew) {
  Answer(Verdict::kServed);
  Up();
  world_.Advance(absl::Milliseconds(10));
  Become(InstanceState::kReady);
  Become(InstanceState::kGone);
  Answer(Verdict::kNotServed, "web");
  Up(2);
  EXPECT_FALSE(strategy_->Ready());
  world_.Advance(absl::Milliseconds(10));
  EXPECT_FALSE(strategy_->Ready());
  Become(InstanceState::kGone);
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

TEST_F(AcceptStrategyTest, LooksMoreSeldomAsTimePasses) {
  EXPECT_EQ(NextLook(absl::ZeroDuration()), absl::Milliseconds(5));
  EXPECT_EQ(NextLook(absl::Milliseconds(400)), absl::Milliseconds(50));
  EXPECT_EQ(NextLook(absl::Hours(1)), absl::Seconds(1));
  options_.timeout = absl::InfiniteDuration();
  Up();
  world_.Advance(absl::Seconds(60));
  EXPECT_LT(looks_, 120);
}

// The memory of the process is on a file system that does not answer.
TEST_F(AcceptStrategyTest, ALookThatHangsIsNotWaitedFor) {
  Answer(Verdict::kServed);
  world_.os().set_hold_forks(true);
  Up();
  world_.Advance(absl::Milliseconds(10));
  EXPECT_EQ(looks_, 0);
  world_.Advance(absl::Seconds(3));
  EXPECT_FALSE(strategy_->Ready());
  EXPECT_EQ(world_.os().forks(), 2);  // given up, and tried again
  world_.os().set_hold_forks(false);
  world_.Advance(absl::Seconds(5));
  EXPECT_TRUE(strategy_->Ready());
  Become(InstanceState::kReady);
  // Never ended by itself, and it says so.
  world_.os().set_hold_forks(true);
  Become(InstanceState::kGone);
  Up(2);
  world_.Advance(absl::Seconds(60));
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("does not answer")));
}

TEST_F(AcceptStrategyTest, TheHintComesWithTheTimeout) {
  Answer(Verdict::kNotServed, "web (0.0.0.0:80)");
  Up();
  world_.Advance(absl::Seconds(59));
  EXPECT_TRUE(world_.log().lines().empty());
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("nobody accepts on web (0.0.0.0:80): ")));
  const auto reason = strategy_->ShouldRestart(view_);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->cause, Reason::Cause::kNotReady);
}

TEST_F(AcceptStrategyTest, WhereItCannotBeToldASecondHasToDo) {
  Answer(Verdict::kCannotTell, "there is no /proc");
  for (const int generation : {1, 2}) {
    Up(generation);
    world_.Advance(absl::Milliseconds(900));
    EXPECT_FALSE(strategy_->Ready());
    world_.Advance(absl::Milliseconds(200));
    EXPECT_TRUE(strategy_->Ready());
    Become(InstanceState::kReady);
    EXPECT_EQ(world_.loop().armed_timers(), 0u);
  }
  EXPECT_EQ(world_.log().lines().size(), 1u);  // said once
  EXPECT_THAT(world_.log().lines()[0], HasSubstr("there is no /proc"));
}

// Then the old one is no way back any more.
TEST_F(AcceptStrategyTest, WithStartFirstItSaysWhatIsLost) {
  for (const bool start_first : {false, true}) {
    Make(start_first ? RestartOptions::Order::kStartFirst
                     : RestartOptions::Order::kStopFirst);
    Answer(Verdict::kCannotTell, "no /proc");
    Up();
    world_.Advance(absl::Milliseconds(5));
    const std::string& line = world_.log().lines().back();
    EXPECT_THAT(line, HasSubstr("counts as ready after 1s"));
    for (const char* way : {"takes over", "--user", "SYS_PTRACE",
                            "--ready=notify", "--ready=fd:N", "URL"}) {
      EXPECT_EQ(absl::StrContains(line, way), start_first) << way;
    }
  }
}

TEST_F(AcceptStrategyTest, WhatCanBeToldInTimeCounts) {
  Answer(Verdict::kCannotTell, "io_uring");
  Up();
  world_.Advance(absl::Milliseconds(500));
  Answer(Verdict::kNotServed, "web");
  world_.Advance(absl::Seconds(5));
  EXPECT_FALSE(strategy_->Ready());
  Answer(Verdict::kServed);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(strategy_->Ready());
}

}  // namespace
}  // namespace reinit
