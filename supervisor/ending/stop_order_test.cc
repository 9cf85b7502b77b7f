#include "supervisor/ending/stop_order.h"

#include <signal.h>

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/scenario/fake_instance.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kTick = absl::Milliseconds(1);

class StopOrderTest : public ::testing::Test {
 protected:
  StopOrderTest() {
    options_.watch.paths = {"."};
    options_.stop.shutdown_timeout = absl::Seconds(30);
  }

  // Made at the first use, so that a test can set options before.
  StopOrder& order() {
    if (!order_.has_value()) {
      order_.emplace(world_.context(), &options_, &pair_);
    }
    return *order_;
  }

  // One that no signal but KILL ends. The newest, if there is one already.
  Instance* AddProcess(int generation, bool own_group = true) {
    os().set_deaf_by_default(true);
    pair_.Add(StartInstance(&world_, generation, own_group));
    return pair_.current();
  }
  // As the Supervisor does it. False: everything is to be killed.
  bool Order(int signo, bool first, int code = SI_USER) {
    const bool insists = order().Receive(signo);
    if (!first && insists) return false;
    const bool waits = order().Execute({.signo = signo, .code = code}, first);
    world_.Settle();
    return waits;
  }
  std::vector<int> Received(const Instance* one) {
    return os().process(one->pid()).received;
  }
  void End(const Instance* one) {
    os().Exit(one->pid(), {});
    world_.Settle();
  }
  FakeOs& os() { return world_.os(); }

  FakeWorld world_;
  Options options_;
  InstancePair pair_{world_.context()};
  std::optional<StopOrder> order_;
};

// The rows of the table.

TEST_F(StopOrderTest, NoneThenTheFirstSignalTellsTheProcess) {
  Instance* const process = AddProcess(1);
  EXPECT_EQ(order().signo(), 0);
  EXPECT_TRUE(Order(SIGTERM, /*first=*/true));
  EXPECT_EQ(order().signo(), SIGTERM);
  EXPECT_THAT(Received(process), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_TRUE(process->stop_requested());
  world_.Advance(options_.stop.shutdown_timeout - kTick);
  EXPECT_TRUE(process->alive());
  world_.Advance(kTick);
  EXPECT_FALSE(process->alive());
}

TEST_F(StopOrderTest, NoneThenTheFirstSignalWithoutAProcessIsAllThereIs) {
  options_.stop.drain_delay = absl::Seconds(5);
  EXPECT_TRUE(Order(SIGTERM, /*first=*/true));
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

TEST_F(StopOrderTest, NoneThenTheFirstSignalWithADelayIsDraining) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  EXPECT_TRUE(Order(SIGTERM, /*first=*/true));
  world_.Advance(options_.stop.drain_delay - kTick);
  EXPECT_THAT(Received(process), IsEmpty());
  EXPECT_FALSE(process->stop_requested());
}

TEST_F(StopOrderTest, DrainingThenTheDelayIsOverTellsTheProcess) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  Order(SIGINT, /*first=*/true);
  world_.Advance(options_.stop.drain_delay);
  EXPECT_THAT(Received(process), ElementsAre(SIGINT, SIGCONT));
}

TEST_F(StopOrderTest, DrainingThenOneMoreTellsTheProcessThatAtOnce) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  EXPECT_TRUE(Order(SIGQUIT, /*first=*/false));
  EXPECT_THAT(Received(process), ElementsAre(SIGQUIT, SIGCONT));
  // And not once more when the delay would have been over.
  world_.Advance(options_.stop.drain_delay);
  EXPECT_THAT(Received(process), ElementsAre(SIGQUIT, SIGCONT));
}

TEST_F(StopOrderTest, DrainingThenCancelTellsNothing) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  order().Cancel();
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
  world_.Advance(options_.stop.drain_delay);
  EXPECT_THAT(Received(process), IsEmpty());
}

TEST_F(StopOrderTest, ToldThenOneMoreIsSentAsWellAndGivesNoMoreTime) {
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  world_.Advance(absl::Seconds(20));
  EXPECT_TRUE(Order(SIGTERM, /*first=*/false));
  EXPECT_TRUE(Order(SIGINT, /*first=*/false));
  EXPECT_THAT(Received(process),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT, SIGINT, SIGCONT));
  world_.Advance(absl::Seconds(10));
  EXPECT_FALSE(process->alive());
}

TEST_F(StopOrderTest, ASecondCtrlCInARowInsists) {
  EXPECT_FALSE(order().Receive(SIGINT));
  EXPECT_TRUE(order().Receive(SIGINT));
  EXPECT_FALSE(order().Receive(SIGTERM));
  EXPECT_FALSE(order().Receive(SIGTERM));
  EXPECT_FALSE(order().Receive(SIGINT));
  EXPECT_TRUE(order().Receive(SIGINT));
}

TEST_F(StopOrderTest, OneMoreInsistsWhereNoProcessIsAlive) {
  EXPECT_TRUE(Order(SIGTERM, /*first=*/true));
  EXPECT_FALSE(Order(SIGTERM, /*first=*/false));
}

TEST_F(StopOrderTest, OneMoreInsistsOnceTheProcessHasEnded) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  End(process);
  EXPECT_FALSE(Order(SIGTERM, /*first=*/false));
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
}

// The delay was the first's: what drains already is not told twice.
TEST_F(StopOrderTest, DrainingThenOneMoreIsStillTheFirstForTheOther) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const old = AddProcess(1);
  Instance* const newest = AddProcess(2);
  old->Stop(SIGTERM, absl::Seconds(10));
  Order(SIGTERM, /*first=*/true);
  Order(SIGTERM, /*first=*/false);
  EXPECT_THAT(Received(newest), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(Received(old), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(old->stop_deadline(), world_.now() + absl::Seconds(30));
}

// When there is no delay, although one is asked for.

TEST_F(StopOrderTest, NoDelayForOneThatIsBeingStopped) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1);
  process->Stop(SIGUSR1, absl::Seconds(10));
  Order(SIGTERM, /*first=*/true);
  EXPECT_THAT(Received(process),
              ElementsAre(SIGUSR1, SIGCONT, SIGTERM, SIGCONT));
}

TEST_F(StopOrderTest, NoDelayForOneThatHasTheSignalFromTheTerminal) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const process = AddProcess(1, /*own_group=*/false);
  Order(SIGINT, /*first=*/true, SI_KERNEL);
  // It has it; CONT, so that it can act on it.
  EXPECT_THAT(Received(process), ElementsAre(SIGCONT));
  EXPECT_TRUE(process->stop_requested());
  world_.Advance(options_.stop.shutdown_timeout);
  EXPECT_FALSE(process->alive());
}

TEST_F(StopOrderTest, NoDelayForOneThatDrainsAlone) {
  options_.stop.drain_delay = absl::Seconds(5);
  Instance* const old = AddProcess(1);
  AddProcess(2);
  old->Stop(SIGTERM, absl::Seconds(10));
  End(pair_.current());
  Order(SIGINT, /*first=*/true);
  EXPECT_THAT(Received(old), ElementsAre(SIGTERM, SIGCONT, SIGINT, SIGCONT));
}

// What is sent.

TEST_F(StopOrderTest, TermIsTheStopSignalUnlessItIsRewritten) {
  options_.stop.signal = SIGQUIT;
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  EXPECT_THAT(Received(process), ElementsAre(SIGQUIT, SIGCONT));
  options_.signals.rewrite.Set(SIGTERM, SIGUSR2);
  Order(SIGTERM, /*first=*/false);
  EXPECT_THAT(Received(process),
              ElementsAre(SIGQUIT, SIGCONT, SIGUSR2, SIGCONT));
}

TEST_F(StopOrderTest, AnotherSignalIsItselfUnlessItIsRewritten) {
  options_.stop.signal = SIGQUIT;
  Instance* const process = AddProcess(1);
  Order(SIGINT, /*first=*/true);
  options_.signals.rewrite.Set(SIGHUP, SIGUSR1);
  Order(SIGHUP, /*first=*/false);
  EXPECT_THAT(Received(process),
              ElementsAre(SIGINT, SIGCONT, SIGUSR1, SIGCONT));
}

TEST_F(StopOrderTest, BothProcessesAreTold) {
  Instance* const old = AddProcess(1);
  Instance* const newest = AddProcess(2);
  Order(SIGTERM, /*first=*/true);
  EXPECT_THAT(Received(old), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(Received(newest), ElementsAre(SIGTERM, SIGCONT));
}

// Not to one that the terminal has told, and each by itself.
TEST_F(StopOrderTest, WhatTheTerminalHasSentIsNotSentAgain) {
  Instance* const away = AddProcess(1);
  Instance* const ours = AddProcess(2, /*own_group=*/false);
  Order(SIGINT, /*first=*/true, SI_KERNEL);
  EXPECT_THAT(Received(away), ElementsAre(SIGINT, SIGCONT));
  EXPECT_THAT(Received(ours), ElementsAre(SIGCONT));
  Order(SIGQUIT, /*first=*/false, SI_KERNEL);
  EXPECT_THAT(Received(ours), ElementsAre(SIGCONT));
  Order(SIGTERM, /*first=*/false);
  EXPECT_THAT(Received(ours), ElementsAre(SIGCONT, SIGTERM, SIGCONT));
}

// One that was being stopped already, for a restart.

TEST_F(StopOrderTest, OneThatHadTheSameSignalIsNotToldTwice) {
  Instance* const process = AddProcess(1);
  process->Stop(SIGTERM, absl::Seconds(10));
  Order(SIGTERM, /*first=*/true);
  EXPECT_THAT(Received(process), ElementsAre(SIGTERM, SIGCONT));
  Order(SIGTERM, /*first=*/false);
  EXPECT_THAT(Received(process),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT));
}

TEST_F(StopOrderTest, OneThatIsStoppedForAReloadHasTheTimeOfTheEnd) {
  Instance* const process = AddProcess(1);
  process->Stop(SIGTERM, absl::Seconds(10));
  order().OnBegin(/*for_failure=*/false);
  Order(SIGTERM, /*first=*/true);
  EXPECT_EQ(process->stop_deadline(), world_.now() + absl::Seconds(30));
}

TEST_F(StopOrderTest, OneThatIsStoppedForAFailureHasNoMoreTimeThanBefore) {
  Instance* const process = AddProcess(1);
  process->Stop(SIGTERM, absl::Seconds(10));
  order().OnBegin(/*for_failure=*/true);
  Order(SIGTERM, /*first=*/true);
  EXPECT_EQ(process->stop_deadline(), world_.now() + absl::Seconds(10));
}

TEST_F(StopOrderTest, OneThatIsStoppedForAFailureHasNoMoreThanTheEndHas) {
  options_.stop.shutdown_timeout = absl::Seconds(3);
  Instance* const process = AddProcess(1);
  process->Stop(SIGTERM, absl::Seconds(10));
  order().OnBegin(/*for_failure=*/true);
  Order(SIGTERM, /*first=*/true);
  EXPECT_EQ(process->stop_deadline(), world_.now() + absl::Seconds(3));
}

// The runtime has a clock of its own.
TEST_F(StopOrderTest, ByDefaultThereIsNoKill) {
  options_.stop.shutdown_timeout = absl::InfiniteDuration();
  Instance* const process = AddProcess(1);
  Order(SIGTERM, /*first=*/true);
  EXPECT_EQ(process->stop_deadline(), absl::InfiniteFuture());
  world_.Advance(absl::Hours(24));
  EXPECT_TRUE(process->alive());
}

TEST_F(StopOrderTest, AnOrderThatCameAnotherWayIsNoted) {
  order().Note(SIGTERM);
  EXPECT_EQ(order().signo(), SIGTERM);
}

// Keys and window sizes, from the kernel, to one of our group: nothing else.
TEST(GivenByTerminalTest, FollowsItsSentence) {
  FakeWorld world;
  for (const bool own_group : {true, false}) {
    const auto instance = StartInstance(&world, 1, own_group);
    for (int signo = 1; signo <= SIGRTMAX; ++signo) {
      const bool key = signo == SIGINT || signo == SIGQUIT ||
                       signo == SIGTSTP || signo == SIGWINCH;
      for (const int code : {SI_USER, SI_KERNEL, SI_QUEUE}) {
        EXPECT_EQ(GivenByTerminal({.signo = signo, .code = code}, *instance),
                  key && code == SI_KERNEL && !own_group)
            << signo << ", code " << code << ", own group " << own_group;
      }
    }
  }
}

}  // namespace
}  // namespace reinit
