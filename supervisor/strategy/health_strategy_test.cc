#include "supervisor/strategy/health_strategy.h"

#include <signal.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::HasSubstr;

class HealthStrategyTest : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& checks) {
    for (const std::string& check : checks) {
      options_.checks.push_back(*ParseProbeTarget(check));
    }
    options_.start_period = absl::ZeroDuration();
    strategy_ = MakeHealthStrategy(world_.context(), &options_, {"PATH=/bin"},
                                   /*sockets=*/nullptr);
    strategy_->Start([this](Strategy::Wake) { ++wakes_; });
    helper_ = world_.os().last();
    Tell(InstanceState::kUp, 1);
  }

  void Tell(InstanceState state, int generation) {
    InstanceView view;
    view.state = state;
    view.generation = generation;
    strategy_->OnInstance(view);
    world_.Settle();
  }

  // What the helper was asked; nothing if it was not.
  std::optional<ProbeRequest> Asked() {
    world_.Settle();
    ProbeRequest request;
    const int fd = world_.os().process(helper_).passed_fd.get();
    if (::recv(fd, &request, sizeof(request), MSG_DONTWAIT) !=
        sizeof(request)) {
      return std::nullopt;
    }
    return request;
  }

  void Answer(uint64_t id, bool passed) {
    ProbeReply reply;
    reply.id = id;
    reply.passed = passed ? 1 : 0;
    std::strncpy(reply.text, passed ? "HTTP 200" : "HTTP 503",
                 sizeof(reply.text) - 1);
    const int fd = world_.os().process(helper_).passed_fd.get();
    ASSERT_EQ(::send(fd, &reply, sizeof(reply), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(reply)));
    world_.Settle();
  }

  // One check after the other, answered so.
  void AnswerNext(bool passed) {
    auto request = Asked();
    if (!request.has_value()) {
      world_.Advance(options_.interval);
      request = Asked();
    }
    ASSERT_TRUE(request.has_value());
    Answer(request->id, passed);
  }

  std::string Reason() {
    const auto reason = strategy_->ShouldRestart({});
    return reason.has_value() ? reason->text : "nothing";
  }

  FakeWorld world_;
  HealthOptions options_;
  std::unique_ptr<Strategy> strategy_;
  pid_t helper_ = 0;
  int wakes_ = 0;
};

TEST_F(HealthStrategyTest, TheFirstSuccessMakesItReady) {
  Start({"http://127.0.0.1:1/"});
  EXPECT_FALSE(strategy_->Ready());
  AnswerNext(true);
  EXPECT_TRUE(strategy_->Ready());
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Reason(), "nothing");
}

TEST_F(HealthStrategyTest, EveryCheckMustPassOnce) {
  Start({"http://127.0.0.1:1/", "tcp://127.0.0.1:2"});
  const auto first = Asked();
  const auto second = Asked();
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE(first->check, second->check);
  Answer(first->id, true);
  EXPECT_FALSE(strategy_->Ready());
  Answer(second->id, true);
  EXPECT_TRUE(strategy_->Ready());
}

TEST_F(HealthStrategyTest, FailuresInARowAreAReason) {
  Start({"http://127.0.0.1:1/"});
  AnswerNext(true);
  AnswerNext(false);
  AnswerNext(false);
  EXPECT_EQ(Reason(), "nothing");
  AnswerNext(false);
  EXPECT_THAT(Reason(), HasSubstr("HTTP 503 (3 failures in a row)"));
  EXPECT_EQ(Reason(), "nothing");
  // It is being restarted now: no more checks of this one.
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(Asked().has_value());
}

TEST_F(HealthStrategyTest, OneThatLivesOnIsCheckedOnAndSaidAgain) {
  options_.on_failure.what = OnUnhealthy::What::kNone;
  Start({"http://127.0.0.1:1/"});
  AnswerNext(true);
  for (int round = 0; round < 2; ++round) {
    AnswerNext(false);
    AnswerNext(false);
    EXPECT_EQ(Reason(), "nothing");
    AnswerNext(false);
    EXPECT_THAT(Reason(), HasSubstr("(3 failures in a row)"));
  }
}

TEST_F(HealthStrategyTest, NoChecksWhileStopping) {
  Start({"http://127.0.0.1:1/"});
  AnswerNext(true);
  Tell(InstanceState::kStopping, 1);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(Asked().has_value());
}

// Whom a check asks through a socket of two is not known.
TEST_F(HealthStrategyTest, NoChecksWhileTwoShareTheSockets) {
  Start({"http://127.0.0.1:1/"});
  AnswerNext(true);
  InstanceView view;
  view.state = InstanceState::kUp;
  view.generation = 2;
  view.shares_sockets = true;
  strategy_->OnInstance(view);
  world_.Advance(absl::Minutes(1));
  EXPECT_FALSE(Asked().has_value());
  Tell(InstanceState::kUp, 2);
  EXPECT_TRUE(Asked().has_value());
}

TEST_F(HealthStrategyTest, AnAnswerAboutAnEarlierInstanceDoesNotCount) {
  Start({"http://127.0.0.1:1/"});
  const auto old = Asked();
  ASSERT_TRUE(old.has_value());
  Tell(InstanceState::kStopping, 1);
  Tell(InstanceState::kUp, 2);
  Answer(old->id, true);
  EXPECT_FALSE(strategy_->Ready());
  AnswerNext(true);
  EXPECT_TRUE(strategy_->Ready());
}

// Its socket does not take so many at once.
TEST_F(HealthStrategyTest, OfManyChecksNoneIsLost) {
  Start(std::vector<std::string>(400, "tcp://127.0.0.1:1"));
  std::set<uint32_t> asked;
  for (auto request = Asked(); request.has_value(); request = Asked()) {
    asked.insert(request->check);
    Answer(request->id, true);
  }
  EXPECT_EQ(asked.size(), 400u);
  EXPECT_TRUE(strategy_->Ready());
  EXPECT_EQ(world_.os().last(), helper_);
}

// What was asked for an instance that is gone is still in its socket.
TEST_F(HealthStrategyTest, WhatAHelperDoesNotReadIsAskedOfTheNext) {
  Start(std::vector<std::string>(150, "tcp://127.0.0.1:1"));
  for (int generation = 2; generation <= 4; ++generation) {
    Tell(InstanceState::kStopping, generation - 1);
    Tell(InstanceState::kUp, generation);
  }
  world_.Advance(2 * options_.timeout + absl::Seconds(3));
  ASSERT_NE(world_.os().last(), helper_);
  helper_ = world_.os().last();
  std::set<uint32_t> asked;
  for (auto request = Asked(); request.has_value(); request = Asked()) {
    asked.insert(request->check);
    Answer(request->id, true);
  }
  EXPECT_EQ(asked.size(), 150u);
}

TEST_F(HealthStrategyTest, AHelperThatDiesIsAskedAgain) {
  Start({"http://127.0.0.1:1/"});
  ASSERT_TRUE(Asked().has_value());
  world_.os().Exit(helper_, {.signal = SIGKILL});
  world_.Advance(absl::Seconds(1));
  helper_ = world_.os().last();
  AnswerNext(true);
  EXPECT_TRUE(strategy_->Ready());
}

TEST_F(HealthStrategyTest, AHelperThatDoesNotAnswerIsReplaced) {
  Start({"http://127.0.0.1:1/"});
  ASSERT_TRUE(Asked().has_value());
  world_.Advance(2 * options_.timeout + absl::Seconds(3));
  EXPECT_NE(world_.os().last(), helper_);
  helper_ = world_.os().last();
  AnswerNext(true);
  EXPECT_TRUE(strategy_->Ready());
  EXPECT_EQ(Reason(), "nothing");
}

// The middle process of a double fork has no environment when it ends.
TEST_F(HealthStrategyTest, ADaemonOfAnExecCheckDoesNotStay) {
  Start({"exec:check"});
  FakeOs& os = world_.os();
  const pid_t job = os.last();
  const pid_t middle = os.AddChildOf(job);
  const pid_t daemon = os.AddChildOf(middle);
  os.process(middle).ending = true;
  os.process(middle).unkillable = true;
  os.Exit(job, {.code = 0});
  world_.Settle();
  EXPECT_TRUE(os.Alive(daemon));
  EXPECT_FALSE(strategy_->Ready());
  os.Exit(middle, {});
  world_.Settle();
  EXPECT_FALSE(os.Alive(daemon));
  EXPECT_TRUE(strategy_->Ready());
}

TEST_F(HealthStrategyTest, ExecChecksAreJobs) {
  Start({"exec:check -v"});
  const pid_t job = world_.os().last();
  EXPECT_THAT(world_.os().process(job).request.argv,
              ::testing::ElementsAre("check", "-v"));
  world_.os().Exit(job, {.code = 0});
  world_.Settle();
  EXPECT_TRUE(strategy_->Ready());
}

TEST_F(HealthStrategyTest, AnExecCheckThatOverrunsIsKilledAndFails) {
  options_.retries = 1;
  world_.os().set_deaf_by_default(true);
  Start({"exec:check"});
  const pid_t job = world_.os().last();
  world_.Advance(options_.timeout);
  EXPECT_FALSE(world_.os().Alive(job));
  EXPECT_THAT(Reason(), HasSubstr("no result within 3s"));
}

TEST_F(HealthStrategyTest, AnExecCheckThatCannotRunFails) {
  options_.retries = 1;
  world_.os().set_exec_error(ENOENT);
  Start({"exec:nosuchcheck"});
  EXPECT_THAT(Reason(), HasSubstr("nosuchcheck"));
}

TEST_F(HealthStrategyTest, AnExecCheckIsNotKilledForAFreeze) {
  Start({"exec:check"});
  const pid_t job = world_.os().last();
  world_.Freeze(absl::Hours(1));
  EXPECT_TRUE(world_.os().Alive(job));
  world_.Advance(options_.timeout);
  EXPECT_FALSE(world_.os().Alive(job));
}

TEST_F(HealthStrategyTest, WhatLeftTheGroupOfAnExecCheckIsKilledToo) {
  Start({"exec:check"});
  const pid_t job = world_.os().last();
  const pid_t child = world_.os().AddChildOf(job);
  const pid_t daemon = world_.os().AddChildOf(child);
  world_.os().process(daemon).group = daemon;
  // An orphan by the time that the check is late, and one of somebody else's.
  world_.os().Exit(child, {.code = 0});
  const pid_t stranger = world_.os().AddChildOf(FakeOs::kSelf);
  world_.Advance(options_.timeout);
  EXPECT_FALSE(world_.os().Alive(job));
  EXPECT_FALSE(world_.os().Alive(daemon));
  EXPECT_TRUE(world_.os().Alive(stranger));
}

TEST_F(HealthStrategyTest, WhatAnExecCheckLeavesBehindIsKilledToo) {
  Start({"exec:check"});
  const pid_t job = world_.os().last();
  const pid_t daemon = world_.os().AddChildOf(job);
  world_.os().process(daemon).group = daemon;
  world_.os().Exit(job, {.code = 0});
  world_.Settle();
  EXPECT_FALSE(world_.os().Alive(daemon));
}

TEST_F(HealthStrategyTest, TheFirstFailureEverIsSaid) {
  options_.start_period = absl::Minutes(1);
  Start({"http://localhost:1/"});
  options_.start_period = absl::Minutes(1);
  const auto said = [this] {
    int count = 0;
    for (const std::string& line : world_.log().lines()) {
      if (line.find("HTTP 503 (the first result") != std::string::npos) ++count;
    }
    return count;
  };
  Answer(Asked()->id, false);
  EXPECT_EQ(said(), 1);
  EXPECT_THAT(strategy_->WhyNotReady(), HasSubstr("HTTP 503"));
  world_.Advance(absl::Seconds(1));
  Answer(Asked()->id, false);
  Tell(InstanceState::kUp, 2);
  Answer(Asked()->id, false);
  EXPECT_EQ(said(), 1);
  Answer(0, false);
  world_.Advance(absl::Seconds(1));
  Answer(Asked()->id, true);
  EXPECT_EQ(strategy_->WhyNotReady(), "");
}

}  // namespace
}  // namespace reinit
