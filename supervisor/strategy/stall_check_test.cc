#include "supervisor/strategy/stall_check.h"

#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Seconds(5);

class StallCheckTest : public ::testing::Test {
 protected:
  StallCheckTest() {
    view_.pid = world_.os().AddChildOf(FakeOs::kSelf);
    view_.group = view_.pid;
    view_.state = InstanceState::kReady;
  }

  // With connections 1 to `waiting`.
  static ListenSockets::Queue Web(uint32_t waiting) {
    std::vector<uint64_t> numbers(waiting);
    std::iota(numbers.begin(), numbers.end(), 1);
    return {"web", "tcp://127.0.0.1:80", waiting, std::move(numbers)};
  }

  void Start(uint32_t waiting) {
    queues_ = {Web(waiting)};
    check_ = std::make_unique<StallCheck>(
        world_.context(), view_, [this] { return queues_; }, kTimeout,
        [this](bool passed, std::string_view text) {
          result_ = absl::StrCat(passed ? "passed: " : "failed: ", text);
        });
    check_->Start();
    world_.Settle();
  }
  std::optional<absl::Duration>& Time(pid_t pid) {
    return world_.os().process(pid).processor_time;
  }

  FakeWorld world_;
  InstanceView view_;
  std::vector<ListenSockets::Queue> queues_;
  std::unique_ptr<StallCheck> check_;
  std::string result_;
};

TEST_F(StallCheckTest, NobodyWaits) {
  Start(0);
  EXPECT_EQ(result_, "passed: connections are taken");
}

TEST_F(StallCheckTest, FailsWhenConnectionsWaitAllTheTime) {
  Start(3);
  world_.Advance(kTimeout - absl::Milliseconds(1));
  EXPECT_EQ(result_, "");
  queues_[0] = Web(4);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(result_,
            "failed: 4 connections wait at web (tcp://127.0.0.1:80), none was "
            "taken for 5s, and the process does nothing");
}

TEST_F(StallCheckTest, OneThatWasTakenIsEnough) {
  Start(3);
  world_.Advance(absl::Seconds(2));
  queues_[0] = Web(2);
  world_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(result_, "passed: connections are taken");
}

// More come than are taken: the first is gone all the same.
TEST_F(StallCheckTest, SoIsOneThatWasTakenFromAQueueThatGrows) {
  Start(3);
  world_.Advance(absl::Seconds(2));
  queues_[0] = {"web", queues_[0].address, 5, {{2, 3, 4, 5, 6}}};
  world_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(result_, "passed: connections are taken");
}

// The twin: its client has reset the connection, which waits on as nothing.
TEST_F(StallCheckTest, OneThatWasResetWasNotTaken) {
  Start(3);
  world_.Advance(absl::Seconds(2));
  queues_[0] = {"web", queues_[0].address, 6, {{2, 3, 4, 5, 6}}};
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("failed: 6 connections"));
}

TEST_F(StallCheckTest, OneOfTwoThatAreGoneWasReset) {
  Start(3);
  world_.Advance(absl::Seconds(2));
  queues_[0] = {"web", queues_[0].address, 3, {{3, 4}}};
  world_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(result_, "passed: connections are taken");
}

TEST_F(StallCheckTest, WhatCannotBeToldPasses) {
  Start(3);
  queues_[0].waiting.reset();
  world_.Advance(kTimeout);
  EXPECT_EQ(result_,
            "passed: connections wait, but the kernel does not tell whether "
            "they are taken");
}

// They all were reset, or belong to another network namespace.
TEST_F(StallCheckTest, SoDoesAQueueOfWhichNoneCanBeSeen) {
  Start(0);
  queues_ = {{"web", "tcp://127.0.0.1:80", 3, {{}}}};
  check_->Start();
  world_.Settle();
  EXPECT_THAT(result_, HasSubstr("passed: connections wait, but the kernel"));
}

// Even if others have come meanwhile.
TEST_F(StallCheckTest, SoIsALookAtWhichNobodyWaits) {
  Start(3);
  world_.Advance(absl::Seconds(2));
  queues_[0] = Web(0);
  world_.Advance(absl::Milliseconds(500));
  queues_[0] = Web(9);
  world_.Advance(kTimeout);
  EXPECT_EQ(result_, "passed: connections are taken");
}

TEST_F(StallCheckTest, OneOfSeveralSocketsMayStall) {
  Start(0);
  queues_ = {{"a", "tcp://127.0.0.1:80", 2, {{1, 2}}},
             {"b", "tcp://127.0.0.1:81", 2, {{3, 4}}}};
  check_ = std::make_unique<StallCheck>(
      world_.context(), view_, [this] { return queues_; }, kTimeout,
      [this](bool, std::string_view text) { result_ = text; });
  check_->Start();
  world_.Advance(absl::Seconds(1));
  queues_[0] = {"a", "tcp://127.0.0.1:80", 1, {{2}}};
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("2 connections wait at b"));
}

TEST_F(StallCheckTest, ABusyProcessPasses) {
  Start(3);
  Time(view_.pid) = absl::Milliseconds(50);
  world_.Advance(kTimeout);
  EXPECT_EQ(result_, "passed: connections wait, but the process is busy");
}

// The twin: a runtime's timers are no work.
TEST_F(StallCheckTest, HardlyAnyTimeIsNotBusy) {
  Start(3);
  Time(view_.pid) = absl::Milliseconds(49);
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("failed: 3 connections"));
}

TEST_F(StallCheckTest, SoDoesOneWithABusyChild) {
  const pid_t child = world_.os().AddChildOf(view_.pid);
  Start(3);
  Time(child) = absl::Seconds(1);
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("busy"));
}

TEST_F(StallCheckTest, SoDoesOneThatForks) {
  Start(3);
  world_.os().AddChildOf(view_.pid);
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("busy"));
}

TEST_F(StallCheckTest, SoDoesOneThatCannotBeSeen) {
  Time(view_.pid) = {};
  Start(3);
  world_.Advance(kTimeout);
  EXPECT_THAT(result_, HasSubstr("busy"));
}

TEST_F(StallCheckTest, AFreezeBeginsAnew) {
  Start(3);
  world_.Advance(absl::Seconds(4));
  world_.Freeze(absl::Hours(1));
  EXPECT_EQ(result_, "");
  world_.Advance(kTimeout - absl::Milliseconds(1));
  EXPECT_EQ(result_, "");
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(result_, HasSubstr("failed: 3 connections"));
}

}  // namespace
}  // namespace reinit
