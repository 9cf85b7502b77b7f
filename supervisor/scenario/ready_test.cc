// Readiness, notifications, watchdog and limits, through the Supervisor.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "supervisor/scenario/supervisor_fixture.h"
#include "supervisor/side/side_child.h"
#include "supervisor/strategy/age_strategy.h"
#include "supervisor/strategy/memory_strategy.h"
#include "supervisor/strategy/ready_strategy.h"
#include "supervisor/strategy/watchdog_strategy.h"

namespace reinit {
namespace {

using Kind = ReadyOptions::Kind;

class ReadyTest : public SupervisorTest {
 protected:
  void StartWithReady(Kind kind) {
    options_.ready.kind = kind;
    more_.push_back(
        MakeReadyStrategy(world_.context(), &options_.ready, nullptr));
    StartSupervising();
  }
  // The sender is this test, which the fake world takes for the process.
  void Notify(const std::string& text) {
    supervisor_->OnNotify(os().last(), ParseNotifyMessage(text));
    world_.Settle();
  }
  std::string State() { return supervisor_->StateName(); }
  bool Logged(const std::string& part) {
    for (const std::string& line : world_.log().lines()) {
      if (absl::StrContains(line, part)) return true;
    }
    return false;
  }
};

TEST_F(ReadyTest, Delay) {
  options_.ready.delay = absl::Seconds(2);
  StartWithReady(Kind::kDelay);
  world_.Advance(absl::Milliseconds(1999));
  EXPECT_EQ(State(), "up");
  world_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(State(), "ready");
  Exit(0);
  ExpectEnded(0);
}

TEST_F(ReadyTest, NotifyAndAgainAfterARestart) {
  StartWithReady(Kind::kNotify);
  EXPECT_EQ(State(), "up");
  supervisor_->OnNotify(4711, ParseNotifyMessage("READY=1"));  // a stranger
  supervisor_->OnNotify(0, ParseNotifyMessage("READY=1"));
  world_.Settle();
  EXPECT_EQ(State(), "up");
  Notify("READY=1");
  EXPECT_EQ(State(), "ready");
  Change();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(State(), "up");
  Notify("READY=1");
  EXPECT_EQ(State(), "ready");
}

TEST_F(ReadyTest, OneThatHasEndedMaySpeakWhileItIsNotReaped) {
  StartWithReady(Kind::kNotify);
  const pid_t child = os().AddChildOf(os().last());
  const pid_t grandchild = os().AddChildOf(child);
  os().process(grandchild).state = 'Z';
  supervisor_->OnNotify(grandchild, ParseNotifyMessage("READY=1"));
  world_.Settle();
  EXPECT_EQ(State(), "ready");
}

TEST_F(ReadyTest, AnOrphanThatHasEndedIsKnownByItsGroup) {
  StartWithReady(Kind::kNotify);
  const pid_t main = os().last();
  const pid_t stranger = os().AddChildOf(FakeOs::kSelf);
  os().process(stranger).state = 'Z';
  supervisor_->OnNotify(stranger, ParseNotifyMessage("READY=1"));
  world_.Settle();
  EXPECT_EQ(State(), "up");
  const pid_t orphan = os().AddChildOf(FakeOs::kSelf);
  os().process(orphan).state = 'Z';
  os().process(orphan).group = main;
  supervisor_->OnNotify(orphan, ParseNotifyMessage("READY=1"));
  world_.Settle();
  EXPECT_EQ(State(), "ready");
  os().Vanish(stranger);
  os().Vanish(orphan);
}

TEST_F(ReadyTest, WhoseWordWouldHaveCountedIsTold) {
  StartWithReady(Kind::kNotify);
  const auto warnings = [this] {
    int count = 0;
    for (const std::string& line : world_.log().lines()) {
      if (absl::StrContains(line, "READY=1 from process")) ++count;
    }
    return count;
  };
  supervisor_->OnNotify(4710, ParseNotifyMessage("WATCHDOG=1"));
  EXPECT_EQ(world_.log().last_level(), LogLevel::kDebug);
  supervisor_->OnNotify(4711, ParseNotifyMessage("READY=1"));
  EXPECT_EQ(world_.log().last_level(), LogLevel::kWarning);
  EXPECT_EQ(warnings(), 1);
  // At most once a minute.
  supervisor_->OnNotify(4712, ParseNotifyMessage("READY=1"));
  EXPECT_EQ(world_.log().last_level(), LogLevel::kDebug);
  Notify("READY=1");
  world_.Advance(absl::Minutes(1));
  supervisor_->OnNotify(4713, ParseNotifyMessage("STOPPING=1"));
  EXPECT_EQ(world_.log().last_level(), LogLevel::kWarning);
}

TEST_F(ReadyTest, ADescendantMaySpeak) {
  StartWithReady(Kind::kNotify);
  const pid_t child = os().AddChildOf(os().last());
  supervisor_->OnNotify(child, ParseNotifyMessage("READY=1"));
  world_.Settle();
  EXPECT_EQ(State(), "ready");
}

TEST_F(ReadyTest, NotReadyInTimeIsAFailureAndTimeCanBeHad) {
  StartWithReady(Kind::kNotify);
  world_.Advance(absl::Seconds(50));
  Notify("EXTEND_TIMEOUT_USEC=30000000");
  world_.Advance(absl::Seconds(29));
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_TRUE(Logged("not ready within 1m"));
  Notify("READY=1");
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(ReadyTest, ANewlineOnADescriptor) {
  options_.ready.descriptor = 5;
  StartWithReady(Kind::kDescriptor);
  const int fd = os().process(os().last()).descriptors[5].get();
  ASSERT_EQ(::write(fd, "almost", 6), 6);
  world_.Settle();
  EXPECT_EQ(State(), "up");
  ASSERT_EQ(::write(fd, "\n", 1), 1);
  world_.Settle();
  EXPECT_EQ(State(), "ready");
}

TEST_F(ReadyTest, HealthDoesNotDecideWhereReadySays) {
  fake_.ready = false;
  StartWithReady(Kind::kExec);
  EXPECT_EQ(State(), "ready");
}

TEST_F(ReadyTest, AFileIsThereWhileReady) {
  options_.ready.file = absl::StrCat(::testing::TempDir(), "/ready");
  StartWithReady(Kind::kNotify);
  struct stat found;
  EXPECT_NE(::stat(options_.ready.file.c_str(), &found), 0);
  Notify("READY=1");
  EXPECT_EQ(::stat(options_.ready.file.c_str(), &found), 0);
  Notify("STOPPING=1");
  EXPECT_NE(::stat(options_.ready.file.c_str(), &found), 0);
  Change();
  Notify("READY=1");
  EXPECT_EQ(::stat(options_.ready.file.c_str(), &found), 0);
  Signal(SIGTERM);
  EXPECT_NE(::stat(options_.ready.file.c_str(), &found), 0);
}

TEST_F(ReadyTest, ReinitEndsOnlyWhenTheFileIsGone) {
  options_.ready.file = absl::StrCat(::testing::TempDir(), "/slowly_removed");
  StartWithReady(Kind::kNotify);
  Notify("READY=1");
  os().set_hold_forks(true);
  Signal(SIGTERM);
  // Longer than the sweep waits for children that end by themselves.
  world_.Advance(absl::Seconds(1));
  EXPECT_FALSE(supervisor_->ended());
  os().Exit(os().last_fork(), {});
  world_.Settle();
  EXPECT_TRUE(supervisor_->ended());
  ::unlink(options_.ready.file.c_str());
}

TEST_F(ReadyTest, AFileThatCannotBeRemovedHoldsUpNoEnd) {
  options_.ready.file = absl::StrCat(::testing::TempDir(), "/never_removed");
  StartWithReady(Kind::kNotify);
  Notify("READY=1");
  os().set_hold_forks(true);
  Signal(SIGTERM);
  world_.Advance(SideChild::kPatience);
  EXPECT_TRUE(supervisor_->ended());
  ::unlink(options_.ready.file.c_str());
}

TEST_F(ReadyTest, DrainsBeforeItStops) {
  options_.stop.drain_delay = absl::Seconds(5);
  StartWithReady(Kind::kExec);
  const pid_t pid = os().last();
  Signal(SIGTERM);
  EXPECT_TRUE(os().process(pid).received.empty());
  world_.Advance(absl::Seconds(4));
  EXPECT_TRUE(os().Alive(pid));
  world_.Advance(absl::Seconds(1));
  ExpectEnded(143);
}

TEST_F(ReadyTest, ASecondTermDoesNotWaitForTheDrain) {
  options_.stop.drain_delay = absl::Hours(1);
  StartWithReady(Kind::kExec);
  Signal(SIGTERM);
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGTERM);
  ExpectEnded(143);
}

TEST_F(ReadyTest, ShutdownTimeoutAndItsExtension) {
  options_.stop.shutdown_timeout = absl::Seconds(5);
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kExec);
  Signal(SIGTERM);
  Notify("EXTEND_TIMEOUT_USEC=8000000");
  world_.Advance(absl::Seconds(7));
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(1));
  ExpectEnded(137);
}

TEST_F(ReadyTest, ASuccessorTakesOver) {
  StartWithReady(Kind::kNotify);
  const pid_t first = os().last();
  const pid_t next = os().AddChildOf(first);
  os().process(next).group = first;
  Notify(absl::StrCat("READY=1\nMAINPID=", next));
  os().Exit(first, {.code = 0});
  world_.Settle();
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_EQ(supervisor_->last_pid(), next);
  os().Exit(next, {.code = 3});
  world_.Settle();
  ExpectEnded(3);
}

TEST_F(ReadyTest, ForeignSuccessorsAreNot) {
  StartWithReady(Kind::kNotify);
  const pid_t first = os().last();
  const pid_t stranger = os().AddChildOf(7);
  Notify(absl::StrCat("READY=1\nMAINPID=", stranger));
  os().Exit(first, {.code = 4});
  world_.Settle();
  os().Exit(stranger, {.code = 0});
  world_.Settle();
  EXPECT_EQ(supervisor_->exit_code(), 4);
}

class WatchdogTest : public ReadyTest {
 protected:
  WatchdogTest() {
    more_.push_back(MakeWatchdogStrategy(world_.context(), absl::Seconds(10)));
  }
};

TEST_F(WatchdogTest, TheLastMissMeansAbortToo) {
  os().set_deaf_by_default(true);
  options_.restart.limit_burst = 1;
  StartWithReady(Kind::kNotify);
  for (int i = 0; i < 2; ++i) {
    Notify("READY=1");
    const pid_t pid = os().last();
    world_.Advance(absl::Seconds(10));
    EXPECT_EQ(Received(pid), (std::vector<int>{SIGABRT, SIGCONT}));
    world_.Advance(absl::Seconds(11));
  }
  ExpectEnded(1);
}

TEST_F(WatchdogTest, AMissMeansAbortKillRestart) {
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kNotify);
  const pid_t pid = os().last();
  world_.Advance(absl::Seconds(30));  // not ready: it does not count
  EXPECT_TRUE(os().process(pid).received.empty());
  Notify("READY=1");
  for (int i = 0; i < 5; ++i) {
    world_.Advance(absl::Seconds(9));
    Notify("WATCHDOG=1");
  }
  EXPECT_TRUE(os().process(pid).received.empty());
  world_.Advance(absl::Seconds(10));
  EXPECT_EQ(Received(pid), (std::vector<int>{SIGABRT, SIGCONT}));
  world_.Advance(absl::Seconds(9));
  EXPECT_TRUE(os().Alive(pid));
  world_.Advance(absl::Seconds(1));
  EXPECT_FALSE(os().Alive(pid));
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(WatchdogTest, WhileAllStoodStillNobodyCouldSayAnything) {
  StartWithReady(Kind::kNotify);
  Notify("READY=1");
  world_.Freeze(absl::Hours(1));
  EXPECT_TRUE(Received(os().last()).empty());
  Notify("WATCHDOG=1");
  world_.Freeze(absl::Hours(1));
  // A hung one has one span more, not an endless life.
  world_.Advance(absl::Milliseconds(9999));
  EXPECT_TRUE(Received(os().last()).empty());
  world_.Freeze(absl::Hours(1));
  EXPECT_EQ(Received(os().last()).front(), SIGABRT);
}

TEST_F(ReadyTest, TimeToGetReadyStandsStillInAFreeze) {
  StartWithReady(Kind::kNotify);
  world_.Advance(absl::Seconds(59));
  world_.Freeze(absl::Hours(1));
  EXPECT_EQ(State(), "up");
  world_.Advance(absl::Milliseconds(999));
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(ReadyTest, TimeToStopStandsStillInAFreeze) {
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kExec);
  const pid_t pid = os().last();
  Change();
  world_.Advance(absl::Seconds(9));
  world_.Freeze(absl::Hours(1));
  world_.Advance(absl::Milliseconds(999));
  EXPECT_TRUE(os().Alive(pid));
  // More time that is asked for is not less.
  Notify("EXTEND_TIMEOUT_USEC=1000000");
  world_.Advance(absl::Milliseconds(999));
  EXPECT_TRUE(os().Alive(pid));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(os().Alive(pid));
}

TEST_F(ReadyTest, TimeToShutDownStandsStillInAFreeze) {
  options_.stop.shutdown_timeout = absl::Seconds(10);
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kExec);
  const pid_t pid = os().last();
  Signal(SIGTERM);
  world_.Freeze(absl::Hours(1));
  EXPECT_TRUE(os().Alive(pid));
  world_.Advance(absl::Seconds(10));
  EXPECT_FALSE(os().Alive(pid));
}

// `docker stop` after `docker pause`: TERM is there when all is thawed.
TEST_F(ReadyTest, AStopThatCameInAFreezeBeginsAtItsEnd) {
  options_.stop.shutdown_timeout = absl::Seconds(10);
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kNotify);
  const pid_t pid = os().last();
  supervisor_->OnSignal({.signo = SIGTERM, .code = SI_USER, .sender = 1});
  world_.Freeze(absl::Hours(1));
  EXPECT_EQ(Received(pid).front(), SIGTERM);
  EXPECT_TRUE(os().Alive(pid));
  world_.Advance(absl::Seconds(10));
  EXPECT_FALSE(os().Alive(pid));
}

TEST_F(ReadyTest, WhatIsLeftBehindHasItsTimeAfterAFreeze) {
  StartWithReady(Kind::kExec);
  const pid_t child = os().AddChildOf(os().last());
  os().process(child).deaf = true;
  Change();
  EXPECT_EQ(Received(child), (std::vector<int>{SIGTERM, SIGCONT}));
  world_.Freeze(absl::Hours(1));
  // An end of somebody else's is no reason to look at the clock.
  os().Exit(os().AddChildOf(FakeOs::kSelf), {.code = 0});
  world_.Settle();
  EXPECT_TRUE(os().Alive(child));
  world_.Advance(options_.stop.timeout);
  EXPECT_FALSE(os().Alive(child));
}

TEST_F(WatchdogTest, WhoHasSetTheIntervalIsSaid) {
  StartWithReady(Kind::kNotify);
  Notify("READY=1\nWATCHDOG_USEC=1");
  world_.Advance(absl::Seconds(12));
  EXPECT_TRUE(
      Logged("no WATCHDOG=1 within 1us, as the process itself has said "
             "by WATCHDOG_USEC="));
}

TEST_F(WatchdogTest, TriggerAndAnotherInterval) {
  StartWithReady(Kind::kNotify);
  Notify("READY=1\nWATCHDOG_USEC=60000000");
  world_.Advance(absl::Seconds(59));
  EXPECT_TRUE(Received(os().last()).empty());
  Notify("WATCHDOG=trigger");
  EXPECT_EQ(Received(os().last()).front(), SIGABRT);
}

TEST_F(ReadyTest, TooMuchMemoryInAllItsProcesses) {
  more_.push_back(MakeMemoryStrategy(world_.context(), 100 << 20));
  StartWithReady(Kind::kExec);
  os().process(os().last()).resident = 60 << 20;
  world_.Advance(absl::Seconds(60));
  EXPECT_EQ(os().spawns(), 1);
  const pid_t child = os().AddChildOf(os().last());
  os().process(child).resident = 50 << 20;
  world_.Advance(absl::Seconds(5));
  world_.Advance(absl::Seconds(3));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_TRUE(Logged("memory: 110 MiB of 100 MiB allowed"));
}

TEST_F(ReadyTest, AgeUsesNoBudget) {
  more_.push_back(
      MakeAgeStrategy(world_.context(), absl::Hours(1), [] { return 0.5; }));
  options_.restart.limit_burst = 1;
  options_.restart.limit_interval = absl::InfiniteDuration();
  StartWithReady(Kind::kExec);
  world_.Advance(absl::Hours(5) + absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 6);
}

TEST(SpreadAgeTest, IsATenthEitherWay) {
  EXPECT_EQ(SpreadAge(absl::Seconds(100), 0), absl::Seconds(90));
  EXPECT_LT(SpreadAge(absl::Seconds(100), 0.999), absl::Seconds(110));
}

TEST_F(ReadyTest, OomIsSaidInWords) {
  options_.termination_log = absl::StrCat(::testing::TempDir(), "/words");
  StartWithReady(Kind::kExec);
  os().set_oom_kills(1);
  os().Exit(os().last(), {.signal = SIGKILL});
  world_.Settle();
  ExpectEnded(137);
  EXPECT_TRUE(Logged("by the kernel: out of memory"));
  char text[200] = {};
  const UniqueFd file(::open(options_.termination_log.c_str(), O_RDONLY));
  ASSERT_GT(::read(file.get(), text, sizeof(text) - 1), 0);
  EXPECT_TRUE(absl::StrContains(text, "out of memory")) << text;
}

TEST_F(ReadyTest, AKillThatWasNotTheKernels) {
  StartWithReady(Kind::kExec);
  os().Exit(os().last(), {.signal = SIGKILL});
  world_.Settle();
  EXPECT_FALSE(Logged("out of memory"));
}

// Changes: checked, and applied by a signal.

class ChangeTest : public ReadyTest {
 protected:
  void BySignal(int signo) {
    options_.reload.on_change.push_back(
        {ChangeAction::Kind::kSignal, signo, ""});
  }
};

TEST_F(ChangeTest, ASignalIsAllItTakes) {
  BySignal(SIGUSR1);
  StartSupervising();
  Change();
  EXPECT_EQ(Received(os().last()), std::vector<int>{SIGUSR1});
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(ChangeTest, NotSentWhereItWouldKillAndTriedAgain) {
  BySignal(SIGHUP);
  StartSupervising();
  const pid_t pid = os().last();
  os().process(pid).withstands = false;
  Change();
  EXPECT_TRUE(Received(pid).empty());
  EXPECT_EQ(supervisor_->change(), ChangeState::kPending);
  os().process(pid).withstands = true;
  os().process(pid).deaf = true;
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Received(pid), std::vector<int>{SIGHUP});
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(ChangeTest, NotifyReloadWaitsForBothWords) {
  BySignal(SIGHUP);
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kNotify);
  Notify("READY=1");
  Change();
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  Notify("RELOADING=1\nMONOTONIC_USEC=1");  // of an earlier one
  Notify("READY=1");
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  const int64_t now = absl::ToUnixMicros(world_.now());
  Notify(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", now));
  Change("second.py");  // meanwhile
  Notify("READY=1");
  // Applied, and then one more.
  EXPECT_EQ(Received(os().last()), (std::vector<int>{SIGHUP, SIGHUP}));
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  world_.Advance(absl::Seconds(30));
  EXPECT_EQ(supervisor_->change(), ChangeState::kPending);
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Received(os().last()).size(), 3u);
  Exit(1);
}

TEST_F(ChangeTest, ARELOADINGWithoutItsTimeIsNamed) {
  BySignal(SIGHUP);
  os().set_deaf_by_default(true);
  StartWithReady(Kind::kNotify);
  Notify("READY=1");
  Change();
  world_.Advance(absl::Seconds(30));
  EXPECT_TRUE(Logged("no RELOADING=1 within 30s"));
  world_.Advance(absl::Seconds(5));
  Notify("RELOADING=1");
  Notify("READY=1");
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  world_.Advance(absl::Seconds(30));
  EXPECT_TRUE(Logged("no RELOADING=1 with MONOTONIC_USEC="));
  Exit(1);
}

TEST_F(ChangeTest, AStartHasAllThatWasPending) {
  BySignal(SIGHUP);
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  os().process(os().last()).withstands = false;
  Change();
  EXPECT_EQ(supervisor_->change(), ChangeState::kPending);
  Exit(1);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  world_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Received(os().last()).empty());
}

TEST_F(ChangeTest, ExitByAChange) {
  options_.reload.on_change.push_back({ChangeAction::Kind::kExit, 7, ""});
  StartSupervising();
  Change();
  ExpectEnded(7);
}

TEST_F(ChangeTest, ReloadSignal) {
  options_.reload.signal = SIGHUP;
  StartSupervising();
  Signal(SIGHUP);
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(ChangeTest, ReloadStopSignal) {
  options_.stop.reload_signal = SIGQUIT;
  StartSupervising();
  const pid_t pid = os().last();
  os().process(pid).deaf = true;
  Change();
  EXPECT_EQ(Received(pid), (std::vector<int>{SIGQUIT, SIGCONT}));
}

TEST_F(ChangeTest, ACheckComesFirst) {
  options_.reload.check = {"nginx", "-t"};
  StartSupervising();
  const pid_t pid = os().last();
  Change();
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  const pid_t check = os().last();
  EXPECT_EQ(os().process(check).request.argv[1], "-t");
  Change("during.py");
  os().Exit(check, {.code = 1});
  world_.Settle();
  // It stays, and what changed meanwhile is checked anew.
  EXPECT_TRUE(os().Alive(pid));
  EXPECT_TRUE(Logged("not applying a.py"));
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  Exit(0);
  EXPECT_FALSE(os().Alive(pid));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(supervisor_->StateName(), "ready");
}

TEST_F(ChangeTest, DownDuringACheck) {
  options_.reload.check = {"build"};
  StartSupervising();
  Change();
  const pid_t check = os().last();
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(5));
  ExpectEnded(143);
  EXPECT_FALSE(os().Alive(check));
}

TEST_F(ChangeTest, AFailureDoesNotWaitForTheCheck) {
  options_.reload.check = {"build"};
  StartSupervising();
  Change();
  const pid_t check = os().last();
  Sick();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(supervisor_->StateName(), "ready");
  const pid_t second = os().last();
  // It goes on, since it may be what makes the program.
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  os().Exit(check, {.code = 0});
  world_.Settle();
  EXPECT_NE(os().last(), second);
  EXPECT_FALSE(os().Alive(second));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(os().processes().size(), 1u);
}

}  // namespace
}  // namespace reinit
