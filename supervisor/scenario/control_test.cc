// What `reinit ctl` asks of a Supervisor, and what it sees.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

class ControlTest : public SupervisorTest {
 protected:
  Status Describe() { return supervisor_->Describe(); }
  bool Restart() {
    const bool ok = supervisor_->AskRestart(0, nullptr).ok();
    world_.Settle();
    return ok;
  }
  bool Reload() {
    const bool ok = supervisor_->AskReload(nullptr).ok();
    world_.Settle();
    return ok;
  }
  void Stop(bool now) {
    supervisor_->AskStop(now);
    world_.Settle();
  }
};

TEST_F(ControlTest, ARestartReplacesTheProcess) {
  StartSupervising();
  const pid_t first = os().last();
  EXPECT_TRUE(Restart());
  EXPECT_FALSE(os().Alive(first));
  EXPECT_NE(os().last(), first);
  EXPECT_THAT(Describe().restarts, Contains(Pair("control", 1u)));
  EXPECT_EQ(Describe().last_restarts.at(0).text, "ctl restart");
}

TEST_F(ControlTest, ARestartDuringARestartIsThatOne) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Change();
  EXPECT_EQ(Describe().state, "reloading");
  EXPECT_TRUE(Restart());
  os().Exit(os().last(), {.signal = SIGTERM});
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(Describe().state, "ready");
}

TEST_F(ControlTest, ARestartCutsABackoffShort) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.delay = absl::Minutes(1);
  options_.restart.delay_max = absl::Minutes(1);
  StartSupervising();
  Exit(1);
  EXPECT_EQ(Describe().state, "backoff");
  EXPECT_EQ(Describe().next_start, absl::Minutes(1));
  EXPECT_EQ(Describe().limit.used, 1);
  EXPECT_EQ(Describe().last_exit, "exit code 1");
  EXPECT_TRUE(Restart());
  EXPECT_EQ(Describe().state, "ready");
  EXPECT_EQ(Describe().next_start, std::nullopt);
}

TEST_F(ControlTest, AReloadDoesWhatAChangeDoes) {
  options_.reload.on_change = {
      {ChangeAction::Kind::kSignal, SIGHUP, "signal:HUP"}};
  StartSupervising();
  const pid_t first = os().last();
  os().process(first).deaf = true;
  EXPECT_TRUE(Reload());
  EXPECT_TRUE(os().Alive(first));
  EXPECT_THAT(Received(first), ElementsAre(SIGHUP));
  EXPECT_EQ(Describe().changes_applied, 1u);
  EXPECT_THAT(Describe().restarts, Contains(Pair("control", 0u)));
}

TEST_F(ControlTest, WhatCannotBeAppliedIsShownAsPending) {
  options_.reload.on_change = {
      {ChangeAction::Kind::kSignal, SIGHUP, "signal:HUP"}};
  StartSupervising();
  os().process(os().last()).withstands = false;
  Change("a.conf");
  EXPECT_EQ(Describe().change, "pending");
  EXPECT_EQ(Describe().change_text, "a.conf");
  EXPECT_EQ(Describe().changes_failed, 1u);
  EXPECT_FALSE(Describe().Settled());
}

TEST_F(ControlTest, AReloadStartsAProcessThatHasEnded) {
  options_.after_exit = AfterExit::kWait;
  StartSupervising();
  Exit(0);
  EXPECT_EQ(Describe().state, "waiting");
  EXPECT_FALSE(Describe().Settled());
  EXPECT_TRUE(Reload());
  EXPECT_TRUE(Describe().Settled());
}

TEST_F(ControlTest, StopIsTheSignalTerm) {
  options_.stop.signal = SIGQUIT;
  StartSupervising();
  os().process(os().last()).deaf = true;
  Stop(/*now=*/false);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGQUIT, SIGCONT));
  EXPECT_EQ(Describe().state, "ending");
  EXPECT_FALSE(Restart());
  EXPECT_FALSE(Reload());
  Stop(/*now=*/true);
  ExpectEnded(128 + SIGKILL);
}

TEST_F(ControlTest, StopNowKillsAtOnce) {
  StartSupervising();
  const pid_t pid = os().last();
  os().process(pid).deaf = true;
  Stop(/*now=*/true);
  EXPECT_THAT(os().sent(), Contains(std::pair(pid, SIGKILL)));
  EXPECT_THAT(os().sent(), Not(Contains(std::pair(pid, SIGTERM))));
  ExpectEnded(128 + SIGKILL);
}

TEST_F(ControlTest, StopWithoutAProcessEndsAtOnce) {
  options_.after_exit = AfterExit::kWait;
  StartSupervising();
  Exit(0);
  Stop(/*now=*/true);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(ControlTest, ASignalGoesToTheProcess) {
  StartSupervising();
  os().process(os().last()).deaf = true;
  EXPECT_TRUE(supervisor_->AskSignal(SIGUSR1).ok());
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1));
}

TEST_F(ControlTest, ASignalWithoutAProcessIsRefused) {
  options_.after_exit = AfterExit::kWait;
  StartSupervising();
  Exit(0);
  EXPECT_FALSE(supervisor_->AskSignal(SIGUSR1).ok());
  EXPECT_FALSE(Describe().process.has_value());
}

TEST_F(ControlTest, TheProcessIsShown) {
  StartSupervising();
  world_.Advance(absl::Seconds(7));
  const pid_t child = os().AddChildOf(os().last());
  const Status status = Describe();
  ASSERT_TRUE(status.process.has_value());
  EXPECT_EQ(status.process->pid, os().last());
  EXPECT_EQ(status.process->uptime, absl::Seconds(7));
  EXPECT_EQ(status.process->ready, absl::Seconds(7));
  EXPECT_THAT(status.process->pids, ElementsAre(os().last(), child));
  EXPECT_EQ(status.uptime, absl::Seconds(7));
  EXPECT_THAT(status.strategies, ElementsAre("fake"));
  EXPECT_THAT(status.zombies, IsEmpty());
  EXPECT_EQ(status.last_exit, "");
  os().Exit(child, {});
}

TEST_F(ControlTest, OneThatIsNotReadyIsShownSo) {
  fake_.ready = false;
  StartSupervising();
  EXPECT_TRUE(Describe().Settled());
  EXPECT_FALSE(Describe().serves);
}

TEST_F(ControlTest, ZombiesAreShownWithTheirParents) {
  StartSupervising();
  const pid_t zombie = os().AddChildOf(os().last());
  os().process(zombie).state = 'Z';
  const Status status = Describe();
  ASSERT_EQ(status.zombies.size(), 1u);
  EXPECT_EQ(status.zombies[0].pid, os().last());
  EXPECT_THAT(status.zombies[0].zombies, ElementsAre(zombie));
  os().Exit(zombie, {});
}

TEST_F(ControlTest, OnlyTheLastReasonsAreKept) {
  StartSupervising();
  for (int i = 0; i < 20; ++i) Change(absl::StrCat("file", i));
  const Status status = Describe();
  EXPECT_THAT(status.restarts, Contains(Pair("file", 20u)));
  ASSERT_EQ(status.last_restarts.size(), RestartHistory::kKept);
  EXPECT_EQ(status.last_restarts[0].text, "file19");
}

}  // namespace
}  // namespace reinit
