#include "supervisor/workers/workers.h"

#include <signal.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/workers/workers_fixture.h"

namespace reinit {
namespace {

TEST_F(WorkersTest, AllStart) {
  Start();
  EXPECT_EQ(All(), Pids({100, 101, 102}));
  for (int i = 0; i < 3; ++i) {
    const auto& environment = os().process(100 + i).request.environment;
    EXPECT_TRUE(std::count(environment.begin(), environment.end(),
                           absl::StrCat("WORKER=", i + 1)));
  }
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_TRUE(Logged("worker 2: started process [101]"));
  EXPECT_TRUE(Logged("3 of 3 workers are ready"));
  End();
}

TEST_F(WorkersTest, ReadyOnceAllAreAndThenWhileOneIs) {
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Start();
  Ready(1, true);
  Ready(2, true);
  EXPECT_FALSE(workers_->Describe().serves);
  EXPECT_EQ(workers_->StateName(), "starting");
  Ready(3, true);
  EXPECT_TRUE(workers_->Describe().serves);
  Exit(PidOf(1), {.code = 1});
  Exit(PidOf(2), {.code = 1});
  EXPECT_TRUE(workers_->Describe().serves);
  Exit(PidOf(3), {.code = 1});
  EXPECT_FALSE(workers_->Describe().serves);
  EXPECT_EQ(workers_->StateName(), "restarting");
  End();
}

TEST_F(WorkersTest, ReadyOnceAsManyAreAsAskedFor) {
  options_.workers.ready = 2;
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Start();
  Ready(3, true);
  EXPECT_FALSE(workers_->Describe().serves);
  Ready(1, true);
  EXPECT_TRUE(workers_->Describe().serves);
  Exit(PidOf(1), {.code = 1});
  EXPECT_FALSE(workers_->Describe().serves);
  End();
}

TEST_F(WorkersTest, OneThatEndsIsStartedAgainAlone) {
  Start();
  Exit(101, {.code = 1});
  EXPECT_EQ(Serving(), 2);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(All(), Pids({100, 103, 102}));
  EXPECT_EQ(os().sent().size(), 0u);
  End();
}

TEST_F(WorkersTest, AChangeReplacesThemOneByOne) {
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Change();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Serving(), 2) << i;
    EXPECT_EQ(PidOf(i), 102 + i);
    EXPECT_EQ(workers_->StateName(), "reloading");
    world_.Advance(absl::Seconds(1));
    EXPECT_EQ(Serving(), 2) << i;
    Ready(i, true);
  }
  EXPECT_EQ(All(), Pids({103, 104, 105}));
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_EQ(os().spawns(), 6);
  EXPECT_TRUE(Logged("a.py: replaced 3 workers"));
  End();
}

TEST_F(WorkersTest, WithStartFirstAllServeAllTheTime) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Change();
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Serving(), 3) << i;
    EXPECT_EQ(os().processes().size(), 4u) << i;
    Ready(i, true);
  }
  EXPECT_EQ(All(), Pids({103, 104, 105}));
  EXPECT_EQ(os().processes().size(), 3u);
  End();
}

TEST_F(WorkersTest, ABrokenVersionTakesNobodyAwayWithStartFirst) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  options_.restart.limit_burst = 0;
  Start();
  const Pids before = All();
  os().set_exec_error(ENOENT);
  Change();
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(Serving(), 3);
  EXPECT_EQ(All(), before);
  EXPECT_EQ(workers_->StateName(), "reloading");
  // Once it is mended, the change is applied to all.
  os().set_exec_error(0);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(workers_->StateName(), "ready");
  for (int i = 1; i <= 3; ++i) EXPECT_NE(PidOf(i), before[i - 1]);
  End();
}

TEST_F(WorkersTest, ABrokenVersionTakesTheCanaryAwayWithStopFirst) {
  options_.restart.limit_burst = 3;
  options_.restart.limit_interval = absl::Hours(1);
  Start();
  os().set_exec_error(ENOENT);
  Change();
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(Serving(), 2);
  EXPECT_TRUE(workers_->workers()[0]->gone());
  EXPECT_EQ(workers_->StateName(), "pending");
  EXPECT_TRUE(Logged("worker 1 has ended for good; 2 of 3 workers are left"));
  EXPECT_TRUE(workers_->Describe().workers[1].outdated);
  // The next change starts it again, and replaces the others.
  os().set_exec_error(0);
  Change("b.py");
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(Serving(), 3);
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_GT(PidOf(2), 102);
  EXPECT_GT(PidOf(3), 102);
  End();
}

TEST_F(WorkersTest, ANewerChangeDuringARoll) {
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Change("a.py");
  Ready(1, true);
  EXPECT_EQ(PidOf(2), 104);
  fakes_[1].ready = false;
  Change("b.py");
  EXPECT_EQ(Serving(), 2);
  Ready(2, true);  // of a.py
  EXPECT_EQ(Serving(), 2);
  EXPECT_EQ(PidOf(1), 105);  // the canary of b.py
  fakes_[2].ready = false;
  Ready(1, true);
  EXPECT_EQ(PidOf(2), 106);
  Ready(2, true);
  EXPECT_EQ(PidOf(3), 107);  // once, for both
  Ready(3, true);
  EXPECT_EQ(All(), Pids({105, 106, 107}));
  EXPECT_EQ(workers_->StateName(), "ready");
  End();
}

TEST_F(WorkersTest, ACrashDuringARollWaitsForNobody) {
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Change();
  fakes_[3].ready = true;
  Exit(PidOf(3), {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Serving(), 2);
  Ready(1, true);
  Ready(2, true);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_EQ(Serving(), 3);
  End();
}

TEST_F(WorkersTest, AFailureWithinTheMonitorTimeStopsTheRoll) {
  options_.workers.monitor = absl::Seconds(5);
  options_.restart.delay = absl::Seconds(10);
  Start();
  Change();
  EXPECT_EQ(All(), Pids({103, 101, 102}));
  world_.Advance(absl::Seconds(1));
  Exit(103, {.code = 1});
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(PidOf(2), 101);
  EXPECT_EQ(PidOf(3), 102);
  EXPECT_EQ(workers_->StateName(), "pending");
  EXPECT_TRUE(Logged("a replaced worker has failed"));
  Change("b.py");
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(workers_->StateName(), "ready");
  End();
}

TEST_F(WorkersTest, ACheckOfTheWholeHoldsTheRoll) {
  shared_.ready = false;
  Start();
  EXPECT_EQ(workers_->StateName(), "starting");
  shared_.ready = true;
  shared_.wake(Strategy::Wake::kAsk);
  Settle();
  EXPECT_EQ(workers_->StateName(), "ready");
  shared_.ready = false;
  Change();
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(All(), Pids({103, 101, 102}));
  shared_.ready = true;
  shared_.wake(Strategy::Wake::kAsk);
  Settle();
  EXPECT_EQ(All(), Pids({103, 104, 105}));
  End();
}

// As --stop-timeout has it: no signal has asked for the end.
TEST_F(WorkersTest, OneThatIgnoresTermIsKilledWhenFewerAreWanted) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  Start();
  EXPECT_TRUE(workers_->AskScale(2).ok());
  world_.Advance(absl::Seconds(9));
  EXPECT_TRUE(os().Alive(102));
  world_.Advance(absl::Seconds(2));
  EXPECT_FALSE(os().Alive(102));
  shared_.must_end = "the mount is stale";
  shared_.wake(Strategy::Wake::kAsk);
  world_.Advance(absl::Seconds(11));
  EXPECT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 1);
}

TEST_F(WorkersTest, TermStopsAllAtOnce) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  Start();
  Signal(SIGTERM);
  EXPECT_EQ(os().sent(), (std::vector<std::pair<pid_t, int>>{{100, SIGTERM},
                                                             {100, SIGCONT},
                                                             {101, SIGTERM},
                                                             {101, SIGCONT},
                                                             {102, SIGTERM},
                                                             {102, SIGCONT}}));
  Exit(101, {.code = 7});
  EXPECT_FALSE(workers_->ended());
  EXPECT_EQ(os().processes().size(), 2u);
  Exit(100, {.code = 0});
  Exit(102, {.code = 3});
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 7);
}

TEST_F(WorkersTest, TermDuringARoll) {
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Change();
  End();
  EXPECT_EQ(workers_->exit_code(), 128 + SIGTERM);
  EXPECT_EQ(os().spawns(), 4);
}

TEST_F(WorkersTest, EndsWithTheLastWorker) {
  options_.restart.policy = RestartOptions::Policy::kNo;
  Start();
  Exit(100, {.code = 0});
  EXPECT_FALSE(workers_->ended());
  Exit(102, {.code = 4});
  Exit(101, {.code = 0});
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 4);
}

TEST_F(WorkersTest, ACommandThatIsNotThere) {
  os().set_exec_error(ENOENT);
  Start();
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 127);
}

TEST_F(WorkersTest, WhatCannotBeForkedIsTriedAgain) {
  os().set_spawn_errors(2);
  Start();
  EXPECT_EQ(Serving(), 1);
  world_.Advance(absl::Seconds(30));
  EXPECT_EQ(Serving(), 3);
  End();
}

// The sweep after one worker leaves the others alone, and what is theirs.
TEST_F(WorkersTest, LeftoversOfOneWorker) {
  options_.restart.policy = RestartOptions::Policy::kNo;
  Start();
  const pid_t of_first = os().AddChildOf(100);
  const pid_t of_second = os().AddChildOf(101);
  const pid_t orphan = os().AddChildOf(FakeOs::kSelf);
  Exit(100, {.code = 0});
  world_.Advance(absl::Seconds(5));
  EXPECT_FALSE(os().Alive(of_first));
  EXPECT_TRUE(os().Alive(of_second));
  EXPECT_TRUE(os().Alive(orphan));
  End();
  EXPECT_FALSE(os().Alive(orphan));
}

TEST_F(WorkersTest, OtherSignalsGoToAll) {
  Start();
  Signal(SIGUSR1);
  for (const pid_t pid : All()) {
    EXPECT_EQ(os().process(pid).received, std::vector<int>({SIGUSR1}));
  }
  End();
}

TEST_F(WorkersTest, ReloadSignal) {
  options_.reload.signal = SIGHUP;
  Start();
  Signal(SIGHUP);
  EXPECT_EQ(All(), Pids({103, 104, 105}));
  End();
}

TEST_F(WorkersTest, AnActionThatRestartsNobodyIsForAllAtOnce) {
  options_.reload.on_change = {
      {.kind = ChangeAction::Kind::kSignal, .value = SIGUSR2}};
  Start();
  Change();
  for (const pid_t pid : All()) {
    EXPECT_EQ(os().process(pid).received, std::vector<int>({SIGUSR2}));
  }
  EXPECT_EQ(All(), Pids({100, 101, 102}));
  End();
}

TEST_F(WorkersTest, AChangeThatIsRefusedByItsCheckReplacesNobody) {
  options_.reload.check = {"check"};
  Start();
  uint64_t ticket = 0;
  EXPECT_TRUE(workers_->AskReload(&ticket).ok());
  Settle();
  EXPECT_EQ(os().process(os().last()).request.argv,
            std::vector<std::string>({"check"}));
  Exit(os().last(), {.code = 1});
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(All(), Pids({100, 101, 102}));
  ASSERT_TRUE(workers_->Outcome(ticket).has_value());
  EXPECT_FALSE(workers_->Outcome(ticket)->ok());
  EXPECT_EQ(workers_->Describe().reload_succeeded, false);
  EXPECT_EQ(os().spawns(), 4);
  // The next one passes, once for all.
  Change();
  Exit(os().last(), {.code = 0});
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 8);
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_EQ(workers_->Describe().reload_succeeded, true);
  End();
}

TEST_F(WorkersTest, TheCheckComesBeforeOnChangeExit) {
  options_.reload.check = {"check"};
  options_.reload.on_change = {{.kind = ChangeAction::Kind::kExit, .value = 9}};
  Start();
  Change();
  Exit(os().last(), {.code = 1});
  EXPECT_EQ(Serving(), 3);
  Change();
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(5));
  EXPECT_TRUE(workers_->ended());
}

TEST_F(WorkersTest, ASignalThatNobodyHandlesIsAFailure) {
  options_.reload.on_change = {
      {.kind = ChangeAction::Kind::kSignal, .value = SIGUSR2}};
  Start();
  os().process(101).withstands = false;
  uint64_t ticket = 0;
  EXPECT_TRUE(workers_->AskReload(&ticket).ok());
  Settle();
  ASSERT_TRUE(workers_->Outcome(ticket).has_value());
  EXPECT_FALSE(workers_->Outcome(ticket)->ok());
  EXPECT_EQ(workers_->Describe().reload_succeeded, false);
  End();
}

TEST_F(WorkersTest, ACanaryThatGivesUpStopsTheRollWithStartFirst) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  options_.restart.limit_burst = 3;
  options_.restart.limit_interval = absl::Hours(1);
  Start();
  os().set_exec_error(ENOENT);
  Change();
  world_.Advance(absl::Minutes(5));
  EXPECT_EQ(All(), Pids({100, 101, 102}));
  EXPECT_EQ(workers_->StateName(), "pending");
  os().set_exec_error(0);
  Change("b.py");
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(workers_->StateName(), "ready");
  EXPECT_EQ(Serving(), 3);
  for (const pid_t pid : All()) EXPECT_GT(pid, 102);
  End();
}

TEST_F(WorkersTest, OneThatIsGoneIsNotWaitedFor) {
  options_.restart.policy = RestartOptions::Policy::kNo;
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Start();
  Exit(PidOf(2), {.code = 1});
  Ready(1, true);
  EXPECT_FALSE(workers_->Describe().serves);
  Ready(3, true);
  EXPECT_TRUE(workers_->Describe().serves);
  End();
}

TEST_F(WorkersTest, OnChangeExit) {
  options_.reload.on_change = {{.kind = ChangeAction::Kind::kExit, .value = 9}};
  Start();
  Change();
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 9);
}

TEST_F(WorkersTest, AFailingCheckOfTheWholeReplacesThemOneByOne) {
  Start();
  for (int i = 1; i <= 3; ++i) fakes_[i].ready = false;
  Reason reason;
  reason.cause = Reason::Cause::kHealth;
  reason.text = "sick";
  Wake(reason);
  for (int i = 1; i <= 3; ++i) {
    world_.Advance(absl::Seconds(1));
    EXPECT_EQ(Serving(), 2) << i;
    Ready(i, true);
  }
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Serving(), 3);
  EXPECT_EQ(os().spawns(), 6);
  End();
}

TEST_F(WorkersTest, RestartOfOne) {
  Start();
  uint64_t ticket = 0;
  fakes_[2].ready = false;
  EXPECT_TRUE(workers_->AskRestart(2, &ticket).ok());
  Settle();
  EXPECT_EQ(All(), Pids({100, 103, 102}));
  EXPECT_FALSE(workers_->Outcome(ticket).has_value());
  Ready(2, true);
  ASSERT_TRUE(workers_->Outcome(ticket).has_value());
  EXPECT_TRUE(workers_->Outcome(ticket)->ok());
  EXPECT_FALSE(workers_->AskRestart(4, nullptr).ok());
  End();
}

// It answers nobody who waits for all of them.
TEST_F(WorkersTest, RestartOfOneThatHasEndedForGood) {
  options_.restart.policy = RestartOptions::Policy::kNo;
  Start();
  Exit(101, {.code = 1});
  world_.Advance(absl::Seconds(5));
  uint64_t all = 0;
  uint64_t one = 0;
  fakes_[1].ready = fakes_[2].ready = false;
  EXPECT_TRUE(workers_->AskRestart(2, &one).ok());
  EXPECT_TRUE(workers_->AskRestart(0, &all).ok());
  EXPECT_TRUE(workers_->AskRestart(2, nullptr).ok());
  Settle();
  EXPECT_FALSE(workers_->Outcome(one).has_value());
  EXPECT_FALSE(workers_->Outcome(all).has_value());
  Ready(2, true);
  Ready(1, true);
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->Outcome(one).has_value());
  EXPECT_TRUE(workers_->Outcome(one)->ok());
  ASSERT_TRUE(workers_->Outcome(all).has_value());
  EXPECT_TRUE(workers_->Outcome(all)->ok());
  End();
}

TEST_F(WorkersTest, RestartOfAll) {
  Start();
  uint64_t ticket = 0;
  fakes_[3].ready = false;
  EXPECT_TRUE(workers_->AskRestart(0, &ticket).ok());
  Settle();
  EXPECT_EQ(All(), Pids({103, 104, 105}));
  EXPECT_FALSE(workers_->Outcome(ticket).has_value());
  Ready(3, true);
  ASSERT_TRUE(workers_->Outcome(ticket).has_value());
  EXPECT_TRUE(workers_->Outcome(ticket)->ok());
  End();
}

TEST_F(WorkersTest, AReloadThatFailsIsAnswered) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  Start();
  os().set_exec_error(ENOENT);
  uint64_t ticket = 0;
  EXPECT_TRUE(workers_->AskReload(&ticket).ok());
  Settle();
  ASSERT_TRUE(workers_->Outcome(ticket).has_value());
  EXPECT_FALSE(workers_->Outcome(ticket)->ok());
  os().set_exec_error(0);
  End();
}

TEST_F(WorkersTest, Scale) {
  Start();
  EXPECT_TRUE(workers_->AskScale(5).ok());
  Settle();
  EXPECT_EQ(All(), Pids({100, 101, 102, 103, 104}));
  EXPECT_EQ(Serving(), 5);
  EXPECT_TRUE(workers_->AskScale(2).ok());
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(All(), Pids({100, 101}));
  EXPECT_EQ(os().processes().size(), 2u);
  EXPECT_FALSE(workers_->AskScale(0).ok());
  EXPECT_FALSE(workers_->AskScale(1025).ok());
  EXPECT_EQ(workers_->StateName(), "ready");
  End();
}

TEST_F(WorkersTest, ScaledUpAgainTheNumbersAreTheSame) {
  Start();
  os().process(101).deaf = os().process(102).deaf = true;
  EXPECT_TRUE(workers_->AskScale(1).ok());
  Settle();
  EXPECT_EQ(workers_->Describe().workers.size(), 3u);  // two are stopping
  EXPECT_TRUE(workers_->AskScale(2).ok());
  Exit(102, {.code = 0});
  EXPECT_EQ(All(), Pids({100, 101}));
  Exit(101, {.code = 0});
  EXPECT_EQ(All(), Pids({100, 103}));
  EXPECT_EQ(workers_->workers().back()->number(), 2);
  End();
}

TEST_F(WorkersTest, ScaleSignals) {
  options_.workers.scale_signals = true;
  Start();
  Signal(SIGTTIN);
  EXPECT_EQ(Serving(), 4);
  Signal(SIGTTOU);
  Signal(SIGTTOU);
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(All(), Pids({100, 101}));
  Signal(SIGTTOU);
  Signal(SIGTTOU);
  EXPECT_EQ(Serving(), 1);
  EXPECT_TRUE(Logged("SIGTTOU: cannot run 0 workers"));
  End();
}

TEST_F(WorkersTest, StopNow) {
  os().set_deaf_by_default(true);
  Start();
  workers_->AskStop(/*now=*/true);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_TRUE(workers_->ended());
}

TEST_F(WorkersTest, StatusOfEach) {
  Start();
  Exit(101, {.code = 6});
  const Status status = workers_->Describe();
  ASSERT_EQ(status.workers.size(), 3u);
  EXPECT_EQ(status.workers[0].number, 1);
  EXPECT_TRUE(status.workers[0].serves);
  EXPECT_EQ(status.workers[1].state, "backoff");
  EXPECT_EQ(status.workers[1].last_exit, "exit code 6");
  EXPECT_FALSE(status.workers[1].process.has_value());
  EXPECT_EQ(status.exits, 1u);
  End();
}

TEST_F(WorkersTest, SomethingThatMustEnd) {
  Start();
  shared_.must_end = "the mount is stale";
  shared_.wake(Strategy::Wake::kAsk);
  world_.Advance(absl::Seconds(5));
  ASSERT_TRUE(workers_->ended());
  EXPECT_EQ(workers_->exit_code(), 1);
}

}  // namespace
}  // namespace reinit
