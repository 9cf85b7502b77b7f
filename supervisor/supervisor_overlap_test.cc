// --restart-order=start-first: two processes at once, for a while.
#include <signal.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

class OverlapTest : public SupervisorTest {
 protected:
  OverlapTest() {
    options_.restart.order = RestartOptions::Order::kStartFirst;
    options_.restart.policy = RestartOptions::Policy::kOnFailure;
    options_.stop.timeout = absl::Seconds(30);
  }

  // One that is ready.
  void Begin() {
    StartSupervising();
    old_ = os().last();
  }
  // A second one beside it that is not.
  void Overlap() {
    fake_.ready = false;
    Change();
    new_ = os().last();
    ASSERT_NE(new_, old_);
    ASSERT_TRUE(os().Alive(old_));
  }
  void Ready() {
    fake_.ready = true;
    fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }
  void End(pid_t pid, ExitStatus status) {
    os().Exit(pid, status);
    world_.Settle();
  }

  // The mains that are alive.
  std::vector<pid_t> Apps() {
    std::vector<pid_t> apps;
    for (const auto& [pid, process] : os().processes()) {
      const auto& argv = process.request.argv;
      if (!argv.empty() && argv[0] == "app") apps.push_back(pid);
    }
    return apps;
  }
  std::vector<int> SentTo(pid_t pid) {
    std::vector<int> sent;
    for (const auto& [to, signo] : os().sent()) {
      if (to == pid) sent.push_back(signo);
    }
    return sent;
  }

  pid_t old_ = 0;
  pid_t new_ = 0;
};

TEST_F(OverlapTest, TheOldOneIsStoppedOnceTheNewOneIsReady) {
  Begin();
  Overlap();
  EXPECT_THAT(SentTo(old_), IsEmpty());
  EXPECT_EQ(supervisor_->StateName(), "reloading");
  EXPECT_NE(supervisor_->change(), ChangeState::kNone);
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM));
  EXPECT_THAT(Apps(), ElementsAre(new_));
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 1: a.py")));
}

// The twin of the above.
TEST_F(OverlapTest, StopFirstHasNoneBesideAnother) {
  options_.restart.order = RestartOptions::Order::kStopFirst;
  Begin();
  os().process(old_).deaf = true;
  Change();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(OverlapTest, StopsItByTheSignalForReloads) {
  options_.stop.reload_signal = SIGQUIT;
  Begin();
  Overlap();
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGQUIT));
}

class EveryCauseTest : public OverlapTest,
                       public ::testing::WithParamInterface<Reason::Cause> {};

TEST_P(EveryCauseTest, Overlaps) {
  Begin();
  fake_.ready = false;
  Reason reason;
  reason.cause = GetParam();
  Wake(reason);
  world_.Advance(absl::Milliseconds(120));
  ASSERT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  const bool hung = GetParam() == Reason::Cause::kWatchdog;
  EXPECT_EQ(SentTo(old_).at(0), hung ? SIGABRT : SIGTERM);
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryCauseTest,
    ::testing::Values(Reason::Cause::kFile, Reason::Cause::kSignal,
                      Reason::Cause::kControl, Reason::Cause::kHealth,
                      Reason::Cause::kWatchdog, Reason::Cause::kMemory,
                      Reason::Cause::kAge));

// Nothing is served that could be lost.
TEST_F(OverlapTest, OneThatIsNotReadyIsStoppedFirst) {
  fake_.ready = false;
  Begin();
  os().process(old_).deaf = true;
  Change();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(OverlapTest, OneThatExitsLeavesTheOldOneAndIsTriedAgain) {
  Begin();
  Overlap();
  Exit(1);
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
  EXPECT_NE(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("ended: exit code 1: process [100] goes on, "
                                 "trying again in 100 ms")));
  world_.Advance(absl::Milliseconds(99));
  EXPECT_EQ(os().spawns(), 2);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(os().spawns(), 3);
  Exit(1);
  world_.Advance(absl::Milliseconds(199));
  EXPECT_EQ(os().spawns(), 3);
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(os().spawns(), 4);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OverlapTest, AtTheLimitItWaitsForTheNextChange) {
  options_.restart.limit_burst = 2;
  Begin();
  Overlap();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Apps().size(), 2u);
    Exit(1);
    world_.Advance(absl::Seconds(1));
  }
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("waiting for the next change")));
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 4);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Overlap();  // at once
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(new_));
}

TEST_F(OverlapTest, TheNextChangeIsTriedAtOnce) {
  Begin();
  Overlap();
  for (int i = 0; i < 5; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(10));
  }
  Exit(1);
  const int spawns = os().spawns();
  Change("b.py");
  EXPECT_EQ(os().spawns(), spawns + 1);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OverlapTest, OneThatIsNeverReadyIsStopped) {
  Begin();
  Overlap();
  Reason reason;
  reason.cause = Reason::Cause::kNotReady;
  reason.text = "not ready after 1m";
  Wake(reason);
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM));
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
}

// Not before it is gone: never three.
TEST_F(OverlapTest, ADeafOneThatFailedIsAwaited) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Reason reason;
  reason.cause = Reason::Cause::kNotReady;
  Wake(reason);
  world_.Advance(absl::Seconds(29));
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_FALSE(os().Alive(new_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
}

TEST_F(OverlapTest, AProgramThatCannotRunLeavesTheOldOne) {
  Begin();
  fake_.ready = false;
  os().set_exec_error(ENOENT);
  Change();
  EXPECT_THAT(Apps(), ElementsAre(old_));
  os().set_exec_error(0);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, SoDoesAForkThatFails) {
  Begin();
  fake_.ready = false;
  os().set_spawn_errors(2);
  Change();
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Seconds(5));
  ASSERT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, AChangeDuringItIsOneMoreAfterwards) {
  Begin();
  Overlap();
  Change("b.py");
  Change("c.py");
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  os().process(old_).deaf = true;
  Ready();
  // The first one still drains.
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  fake_.ready = false;
  End(old_, {});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  EXPECT_NE(os().last(), new_);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 2: c.py")));
}

TEST_F(OverlapTest, OneThatFailsIsReplacedAtOnceIfSomethingHasChanged) {
  Begin();
  Overlap();
  Change("b.py");
  Exit(1);
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OverlapTest, TheOldOneMayEndMeanwhile) {
  Begin();
  Overlap();
  End(old_, {.code = 1});
  EXPECT_THAT(Apps(), ElementsAre(new_));
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  Ready();
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_EQ(os().spawns(), 2);
}

// Both: then it is a failed start like any other.
TEST_F(OverlapTest, BothMayEnd) {
  Begin();
  Overlap();
  End(old_, {.code = 1});
  Exit(1);
  world_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(OverlapTest, TheOldOneStandsInForOneThatSoonDies) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(9));
  fake_.ready = false;
  End(new_, {.code = 1});
  EXPECT_THAT(Apps(), ElementsAre(old_));
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  // It drains for as long as it is needed.
  world_.Advance(absl::Minutes(5));
  EXPECT_THAT(SentTo(old_), Not(Contains(SIGKILL)));
  Ready();
  world_.Advance(absl::Seconds(29));
  EXPECT_TRUE(os().Alive(old_));
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

// The twin: after that time it is judged alone.
TEST_F(OverlapTest, NotForOneThatDiesLater) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  world_.Advance(absl::Seconds(11));
  End(new_, {.code = 1});
  world_.Advance(absl::Seconds(19));
  EXPECT_FALSE(os().Alive(old_));
}

TEST_F(OverlapTest, TermDuringItEndsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  Signal(SIGTERM);
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM, SIGCONT));
  End(new_, {.code = 4});
  EXPECT_FALSE(supervisor_->ended());
  End(old_, {.code = 3});
  ExpectEnded(3);  // that of the one that served
}

TEST_F(OverlapTest, ASecondCtrlCKillsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  Signal(SIGINT);
  Signal(SIGINT);
  EXPECT_TRUE(supervisor_->ended());
  EXPECT_THAT(Apps(), IsEmpty());
}

TEST_F(OverlapTest, TermKillsWhatStillDrains) {
  options_.stop.shutdown_timeout = absl::Seconds(30);
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  Signal(SIGTERM);
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(31));
  ExpectEnded(128 + SIGTERM);
}

TEST_F(OverlapTest, SignalsAreForTheOneThatServes) {
  Begin();
  Overlap();
  Signal(SIGUSR1);
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGUSR1));
  EXPECT_THAT(SentTo(new_), IsEmpty());
  os().process(old_).deaf = true;
  Ready();
  Signal(SIGUSR1);
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGUSR1));
}

// Each knows its own by its mark.
TEST_F(OverlapTest, WhatTheOldOneLeavesBehindIsEndedAndNothingElse) {
  Begin();
  Overlap();
  const pid_t left = os().AddChildOf(old_);
  const pid_t orphan = os().AddChildOf(new_);
  os().process(orphan).parent = FakeOs::kSelf;
  Ready();
  world_.Advance(absl::Minutes(1));
  EXPECT_FALSE(os().Alive(left));
  EXPECT_TRUE(os().Alive(orphan));
  EXPECT_THAT(Apps(), ElementsAre(new_));
}

TEST_F(OverlapTest, APreStartThatFailsLeavesTheOldOne) {
  options_.process.pre_start = {"migrate"};
  StartSupervising();
  Exit(0);
  old_ = os().last();
  fake_.ready = false;
  Change();
  ASSERT_EQ(os().process(os().last()).request.argv[0], "migrate");
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("REINIT_GENERATION=2"));
  Exit(7);
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_THAT(SentTo(old_), IsEmpty());
  world_.Advance(absl::Milliseconds(100));
  Exit(0);
  EXPECT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(OverlapTest, PostStopRunsForEachThatEnded) {
  options_.process.post_stop = {"tidy"};
  Begin();
  Overlap();
  Exit(3);
  ASSERT_EQ(os().process(os().last()).request.argv[0], "tidy");
  EXPECT_THAT(os().process(os().last()).request.environment,
              IsSupersetOf({"EXIT_STATUS=3", "REINIT_GENERATION=2"}));
  Exit(0);
  world_.Advance(absl::Milliseconds(100));
  ASSERT_EQ(Apps().size(), 2u);
  Ready();
  ASSERT_EQ(os().process(os().last()).request.argv[0], "tidy");
  EXPECT_THAT(os().process(os().last()).request.environment,
              IsSupersetOf({"EXIT_STATUS=TERM", "REINIT_GENERATION=1"}));
  Exit(0);
  EXPECT_EQ(Apps().size(), 1u);
}

// What the new one uses up is not the old one's.
TEST_F(OverlapTest, TheOldOneKeepsItsRestarts) {
  options_.restart.limit_burst = 2;
  Begin();
  Overlap();
  for (int i = 0; i < 3; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(1));
  }
  ASSERT_THAT(Apps(), ElementsAre(old_));
  fake_.ready = true;
  End(old_, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_FALSE(supervisor_->ended());
}

TEST_F(OverlapTest, ReadyIsWhoeverServes) {
  options_.ready.file = ::testing::TempDir() + "/ready";
  const auto shown = [&] {
    struct stat info;
    return ::stat(options_.ready.file.c_str(), &info) == 0;
  };
  Begin();
  EXPECT_TRUE(shown());
  Overlap();
  EXPECT_TRUE(shown());
  Exit(1);
  EXPECT_TRUE(shown());
  world_.Advance(absl::Milliseconds(100));
  EXPECT_TRUE(shown());
  Ready();
  EXPECT_TRUE(shown());
  Signal(SIGTERM);
  EXPECT_FALSE(shown());
}

TEST_F(OverlapTest, StatusShowsBoth) {
  Begin();
  Overlap();
  Status status = supervisor_->Describe();
  ASSERT_TRUE(status.process.has_value() && status.other_process.has_value());
  EXPECT_EQ(status.process->pid, old_);
  EXPECT_EQ(status.other_process->pid, new_);
  EXPECT_TRUE(status.serves);
  os().process(old_).deaf = true;
  Ready();
  status = supervisor_->Describe();
  ASSERT_TRUE(status.process.has_value() && status.other_process.has_value());
  EXPECT_EQ(status.process->pid, new_);
  EXPECT_EQ(status.other_process->pid, old_);
}

TEST_F(OverlapTest, StatusTellsOfOneThatFailedAndOfWhatComesNext) {
  Begin();
  Overlap();
  Change("b.py");
  EXPECT_TRUE(supervisor_->Describe().change_queued);
  Exit(1);
  Exit(1);
  EXPECT_THAT(supervisor_->Describe().change_failure,
              HasSubstr("ended: exit code 1"));
  EXPECT_EQ(supervisor_->Describe().exits, 2u);
  world_.Advance(absl::Milliseconds(100));
  Ready();
  EXPECT_EQ(supervisor_->Describe().change_failure, "");
  EXPECT_TRUE(supervisor_->Describe().Settled());
}

// Else `ctl wait` would fail for ever after.
TEST_F(OverlapTest, AFailureIsForgottenOnceOneStartsAlone) {
  Begin();
  fake_.ready = false;
  Sick();
  world_.Advance(absl::Milliseconds(120));
  Exit(1);
  EXPECT_NE(supervisor_->Describe().change_failure, "");
  End(old_, {.code = 1});
  world_.Advance(absl::Seconds(1));
  Ready();
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(supervisor_->Describe().change_failure, "");
}

TEST_F(OverlapTest, AskedForByCtl) {
  Begin();
  fake_.ready = false;
  ASSERT_TRUE(supervisor_->AskRestart().ok());
  world_.Settle();
  ASSERT_EQ(Apps().size(), 2u);
  // The one that is on its way is as good.
  ASSERT_TRUE(supervisor_->AskRestart().ok());
  ASSERT_TRUE(supervisor_->AskSignal(SIGUSR2).ok());
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGUSR2));
  Ready();
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(OverlapTest, CtlStopNowKillsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  supervisor_->AskStop(/*now=*/true);
  world_.Settle();
  ExpectEnded(128 + SIGKILL);
}

}  // namespace
}  // namespace reinit
