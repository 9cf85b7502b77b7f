// The end, at any moment, and what the process leaves behind.
#include <signal.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;

// -- Leftovers ----------------------------------------------------------------

TEST_F(SupervisorTest, LeftoversGetTermAndContBeforeTheEnd) {
  StartPlain();
  const pid_t orphan = os().AddChildOf(os().last());
  os().process(orphan).marked = false;
  os().process(orphan).deaf = true;
  Exit(5);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_THAT(Received(orphan), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(2));
  ExpectEnded(5);
}

TEST_F(SupervisorTest, ALeftoverThatEndsByItselfIsNotWaitedFor) {
  StartPlain();
  os().AddChildOf(os().last());
  Exit(5);
  ExpectEnded(5);
}

TEST_F(SupervisorTest, AnUnkillableLeftoverDoesNotHoldUpTheEnd) {
  StartPlain();
  const pid_t stuck = os().AddChildOf(os().last());
  os().process(stuck).deaf = true;
  os().process(stuck).unkillable = true;
  Exit(5);
  world_.Advance(absl::Seconds(4));
  ExpectEnded(5);
  os().Exit(stuck, {});
}

// Forked while the list of processes was read, by a parent that ended then.
TEST_F(SupervisorTest, ALeftoverThatOneLookMissesIsFound) {
  StartPlain();
  const pid_t leftover = os().AddChildOf(os().last());
  os().set_blind_looks(1);
  Exit(4);
  EXPECT_EQ(os().sent().front(), std::make_pair(leftover, SIGTERM));
  EXPECT_EQ(supervisor_->exit_code(), 4);
}

TEST_F(SupervisorTest, AnyEndAtTheVeryEndIsAReasonToLookAgain) {
  StartPlain();
  const pid_t dying = os().AddChildOf(os().last());
  const pid_t leftover = os().AddChildOf(os().last());
  os().set_blind_looks(4);
  Exit(4);
  EXPECT_TRUE(os().Alive(leftover));
  os().Exit(dying, {});
  world_.Settle();
  EXPECT_FALSE(os().Alive(leftover));
  EXPECT_TRUE(supervisor_->ended());
}

// Each look goes through all processes.
TEST_F(SupervisorTest, LeftoversThatEndOneByOneAreNotLookedForEachTime) {
  StartSupervising();
  std::vector<pid_t> left;
  for (int i = 0; i < 100; ++i) {
    left.push_back(os().AddChildOf(os().last()));
    os().process(left.back()).deaf = true;
  }
  Change();
  const int before = os().looks();
  for (const pid_t pid : left) {
    EXPECT_EQ(os().spawns(), 1);
    os().Exit(pid, {});
    world_.Settle();
  }
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_LE(os().looks() - before, 4);
}

// Whatever else runs: the list of our own children has no orphan.
TEST_F(SupervisorTest, WhereNothingIsLeftNoProcessIsLookedAt) {
  options_.stop.timeout = absl::Seconds(1);  // no note of what runs below
  StartSupervising();
  const pid_t other = os().AddStranger("other");
  const int before = os().looks();
  Change();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(os().looks(), before);
  EXPECT_EQ(os().forks(), 0);
  os().Vanish(other);
  Exit(0);
}

TEST_F(SupervisorTest, ManyLeftoversThatEndInTurnCostOneLook) {
  StartSupervising();
  std::vector<pid_t> left;
  for (int i = 0; i < 1000; ++i) {
    left.push_back(os().AddChildOf(os().last()));
    os().process(left.back()).deaf = true;
  }
  Change();
  const int before = os().looks();
  for (const pid_t pid : left) {
    os().Exit(pid, {});
    world_.Advance(absl::Milliseconds(1));
  }
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_LE(os().looks() - before, 2);
}

// Of one that ends the child that it forked after the look is ours by then.
TEST_F(SupervisorTest, ANewOrphanIsFoundWhileOthersLive) {
  StartSupervising();
  const pid_t lives = os().AddChildOf(os().last());
  const pid_t ends = os().AddChildOf(os().last());
  os().process(lives).deaf = true;
  os().process(ends).deaf = true;
  Change();
  const pid_t late = os().AddChildOf(ends);
  os().process(late).deaf = true;
  os().Exit(ends, {});
  world_.Advance(absl::Milliseconds(50));
  EXPECT_THAT(Received(late), ElementsAre(SIGTERM, SIGCONT));
  os().Exit(late, {});
  os().Exit(lives, {});
  world_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(os().spawns(), 2);
}

// A kernel without CONFIG_PROC_CHILDREN.
TEST_F(SupervisorTest, WithoutAListOfChildrenAllProcessesAreLookedAt) {
  os().set_no_children_file(true);
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  const pid_t below = os().AddChildOf(leftover);
  os().process(leftover).deaf = true;
  Change();
  EXPECT_THAT(Received(leftover), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_FALSE(os().Alive(below));
  EXPECT_EQ(os().spawns(), 1);
  os().Exit(leftover, {});
  world_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(SupervisorTest, TheEnvironmentOfAnOrphanIsReadOnce) {
  StartSupervising();
  const pid_t stranger = os().AddStranger("stranger", FakeOs::kSelf);
  os().process(stranger).marked = false;
  for (int i = 0; i < 3; ++i) Change();
  EXPECT_EQ(os().spawns(), 4);
  EXPECT_EQ(os().environments_read(), 1);
  EXPECT_TRUE(os().Alive(stranger));
  os().Exit(stranger, {});
}

// At the limit of processes, which the leftover itself may have reached: the
// sweep goes on until it can be told.
TEST_F(SupervisorTest, ALeftoverIsNotForgottenForLackOfAChild) {
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  os().set_fork_fails(true);
  Change();
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_TRUE(os().Alive(leftover));
  os().set_fork_fails(false);
  world_.Advance(absl::Milliseconds(100));
  EXPECT_FALSE(os().Alive(leftover));
  EXPECT_EQ(os().spawns(), 2);
}

// No child comes back with the marks: in the group it is ours all the same, and
// in the end nothing waits for what cannot be read.
TEST_F(SupervisorTest, ReadersThatHangDelayARestartForABoundedTime) {
  StartSupervising();
  const pid_t orphan = os().AddChildOf(os().last());
  const pid_t worker = os().AddChildOf(os().last());
  os().process(worker).group = os().last();
  os().set_hold_forks(true);
  Change();
  EXPECT_FALSE(os().Alive(worker));
  EXPECT_THAT(Received(orphan), ElementsAre());
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 2);
  os().set_hold_forks(false);
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(5));
  EXPECT_FALSE(os().Alive(orphan));
  EXPECT_TRUE(supervisor_->ended());
}

// By itself or by its signal: for each that ends there is a new one.
TEST_F(SupervisorTest, AForkStormIsLookedAtAtABoundedRate) {
  StartSupervising();
  pid_t newest = os().AddChildOf(os().last());
  os().process(newest).deaf = true;
  Change();
  const int before = os().looks();
  for (int i = 0; i < 100; ++i) {
    const pid_t next = os().AddChildOf(newest);
    os().process(next).deaf = true;
    os().Exit(newest, {});
    newest = next;
    world_.Settle();
  }
  EXPECT_LE(os().looks() - before, 10);
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Received(newest), ElementsAre());
  world_.Advance(absl::Milliseconds(50));
  EXPECT_THAT(Received(newest), ElementsAre(SIGTERM, SIGCONT));
  os().Exit(newest, {});
  world_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(os().spawns(), 2);
}

// The middle process of a double fork.
TEST_F(SupervisorTest, AnOrphanThatEndsHidesTheDaemonThatItHasForked) {
  StartSupervising();
  const pid_t middle = os().AddChildOf(os().last());
  const pid_t daemon = os().AddChildOf(middle);
  os().process(middle).ending = true;
  os().process(middle).unkillable = true;
  Change();
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Received(daemon), ElementsAre());
  os().process(daemon).deaf = true;
  os().Exit(middle, {});
  world_.Settle();
  EXPECT_THAT(Received(daemon), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
  os().Exit(daemon, {});
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(SupervisorTest, AnOrphanThatNeverEndsIsWaitedForABoundedTime) {
  StartSupervising();
  const pid_t middle = os().AddChildOf(os().last());
  os().process(middle).ending = true;
  os().process(middle).unkillable = true;
  Change();
  world_.Advance(absl::Seconds(2));
  world_.Advance(absl::Seconds(2));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(Received(middle), ElementsAre());
  os().Exit(middle, {});
}

TEST_F(SupervisorTest, AZombieThatADebuggerHoldsHidesNobody) {
  StartSupervising();
  const pid_t held = os().AddChildOf(os().last());
  os().process(held).state = 'Z';
  os().process(held).tracer = 7;
  Change();
  EXPECT_EQ(os().spawns(), 2);
  os().Exit(held, {});
}

// In the middle of an exec there is no environment to be read.
TEST_F(SupervisorTest, AnOrphanThatCannotBeToldIsLookedAtOnceMore) {
  StartSupervising();
  const pid_t execs = os().AddChildOf(os().last());
  const pid_t stranger = os().AddChildOf(FakeOs::kSelf);
  os().process(execs).unreadable = true;
  os().process(stranger).unreadable = true;
  Change();
  EXPECT_EQ(os().spawns(), 1);
  os().process(execs).unreadable = false;
  world_.Advance(absl::Milliseconds(50));
  EXPECT_FALSE(os().Alive(execs));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(Received(stranger), ElementsAre());
  os().Exit(stranger, {});
}

// Many programs take a second TERM for "now".
TEST_F(SupervisorTest, WhoGotTheStopSignalIsOnlyWaitedFor) {
  options_.signals.forward_to = SignalOptions::ForwardTo::kGroup;
  StartSupervising();
  const pid_t worker = os().AddChildOf(os().last());
  os().process(worker).group = os().last();
  os().process(worker).deaf = true;
  const pid_t other = os().AddChildOf(os().last());  // in a group of its own
  os().process(other).deaf = true;
  Change();
  EXPECT_THAT(Received(worker), ElementsAre());  // the fake's groups are of one
  EXPECT_THAT(Received(other), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(options_.stop.timeout);
  EXPECT_FALSE(os().Alive(worker));  // but not for ever
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(SupervisorTest, WhoGotTheForwardedSignalIsOnlyWaitedFor) {
  options_.signals.forward_to = SignalOptions::ForwardTo::kGroup;
  StartPlain();
  const pid_t worker = os().AddChildOf(os().last());
  os().process(worker).group = os().last();
  os().process(worker).deaf = true;
  Signal(SIGTERM);
  EXPECT_THAT(Received(worker), ElementsAre());
  os().Exit(worker, {});
  world_.Settle();
  EXPECT_TRUE(supervisor_->ended());
}

TEST_F(SupervisorTest, ADebuggerThatHoldsTheProcessIsNamed) {
  StartSupervising();
  const pid_t debugger = os().AddStranger("gdb");
  os().process(os().last()).tracer = debugger;
  os().process(os().last()).deaf = true;
  os().process(os().last()).unkillable = true;
  os().process(os().last()).state = 'Z';
  Signal(SIGINT);
  Signal(SIGINT);  // KILL
  world_.Advance(absl::Seconds(2));
  EXPECT_THAT(
      world_.log().lines().back(),
      ::testing::HasSubstr(absl::StrCat("process ", debugger, " (gdb)")));
  os().Vanish(debugger);
  Exit(0);
}

TEST_F(SupervisorTest, ALeftoverOfItsGroupIsItsOwnWhateverItsEnvironmentSays) {
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  os().process(leftover).deaf = true;
  os().process(leftover).marked = false;  // overwritten by setproctitle
  os().process(leftover).group = os().last();
  Change();
  EXPECT_THAT(Received(leftover), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(options_.stop.timeout);
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

TEST_F(SupervisorTest, ADownSignalCutsAnEndlessLeftoverTimeoutShort) {
  options_.stop.leftover_timeout = absl::InfiniteDuration();
  StartPlain();
  os().process(os().AddChildOf(os().last())).deaf = true;
  Exit(3);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGTERM);
  ExpectEnded(3);
}

TEST_F(SupervisorTest, ANewInstanceWaitsUntilTheOldOnesLeftoversAreGone) {
  StartSupervising();
  const pid_t leftover = os().AddChildOf(os().last());
  os().process(leftover).deaf = true;
  Change();
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Received(leftover), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(options_.stop.timeout);
  EXPECT_FALSE(os().Alive(leftover));
  EXPECT_EQ(os().spawns(), 2);
  Signal(SIGTERM);
}

// What a shell, npm or make has started: it is the server that is stopped.
class BehindAShellTest : public SupervisorTest {
 protected:
  // The shell ends at once.
  pid_t AddServer() {
    const pid_t server = os().AddChildOf(os().last());
    os().process(server).deaf = true;
    os().process(server).name = "server";
    return server;
  }
  pid_t AddOrphan() {
    const pid_t orphan = os().AddChildOf(FakeOs::kSelf);
    os().process(orphan).deaf = true;
    os().process(orphan).mark = os().process(os().last()).mark;
    os().process(orphan).name = "daemon";
    return orphan;
  }
  int Lines(const std::string& line) {
    int count = 0;
    for (const std::string& one : world_.log().lines()) count += one == line;
    return count;
  }
  static constexpr absl::Duration kTick = absl::Milliseconds(1);
};

TEST_F(BehindAShellTest, TheServerHasTheTimeOfTheStop) {
  StartSupervising();
  const pid_t server = AddServer();
  Change();
  world_.Advance(options_.stop.timeout - kTick);
  EXPECT_TRUE(os().Alive(server));
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(Lines(absl::StrCat("leftover process ", server,
                               " (server): SIGKILL, as --stop-timeout=10s is "
                               "over")),
            1);
}

// The shell may have taken its time.
TEST_F(BehindAShellTest, TheServerHasTheRestOfTheTime) {
  os().set_deaf_by_default(true);
  StartSupervising();
  const pid_t server = AddServer();
  Change();
  world_.Advance(absl::Seconds(7));
  Exit(0);
  world_.Advance(absl::Seconds(3) - kTick);
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  Exit(0);
}

TEST_F(BehindAShellTest, TheServerHasTheTimeOfALeftoverAtLeast) {
  os().set_deaf_by_default(true);
  StartSupervising();
  const pid_t server = AddServer();
  Change();
  world_.Advance(options_.stop.timeout - kTick);
  Exit(0);
  world_.Advance(options_.stop.leftover_timeout - kTick);
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  EXPECT_EQ(Lines(absl::StrCat("leftover process ", server,
                               " (server): SIGKILL, as --leftover-timeout=2s "
                               "is over")),
            1);
  Exit(0);
}

// Its time was over when the main process had to be killed.
TEST_F(BehindAShellTest, AfterAKillTheServerHasTheTimeOfALeftover) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(5);
  StartSupervising();
  const pid_t server = AddServer();
  Change();
  world_.Advance(options_.stop.timeout);
  world_.Advance(options_.stop.leftover_timeout);
  EXPECT_FALSE(os().Alive(server));
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
}

TEST_F(BehindAShellTest, OneThatDidNotLiveThenHasTheTimeOfALeftover) {
  StartSupervising();
  const pid_t daemon = AddOrphan();
  Change();
  world_.Advance(options_.stop.leftover_timeout);
  EXPECT_FALSE(os().Alive(daemon));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(Lines(absl::StrCat("leftover process ", daemon,
                               " (daemon): SIGKILL, as --leftover-timeout=2s "
                               "is over")),
            1);
}

TEST_F(BehindAShellTest, OnceTheServerHasEndedOthersHaveTheTimeOfALeftover) {
  StartSupervising();
  const pid_t server = AddServer();
  const pid_t daemon = AddOrphan();
  Change();
  world_.Advance(absl::Seconds(5));
  EXPECT_TRUE(os().Alive(daemon));
  os().Exit(server, {});
  world_.Advance(absl::Milliseconds(50));  // the next look
  EXPECT_FALSE(os().Alive(daemon));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(BehindAShellTest, OneThatEndsByItselfLeavesTheServerTheTimeOfALeftover) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.delay = absl::ZeroDuration();
  StartSupervising();
  const pid_t server = AddServer();
  Exit(0);
  world_.Advance(options_.stop.leftover_timeout);
  EXPECT_FALSE(os().Alive(server));
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(BehindAShellTest, AtTheEndTheServerHasTheTimeOfAStop) {
  StartSupervising();
  const pid_t server = AddServer();
  Signal(SIGTERM);
  world_.Advance(options_.stop.timeout - kTick);
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  ExpectEnded(128 + SIGTERM);
}

TEST_F(BehindAShellTest, AtTheEndOfAPlainInitTheServerHasThatTimeAsWell) {
  StartPlain();
  const pid_t server = AddServer();
  Signal(SIGTERM);
  world_.Advance(options_.stop.timeout - kTick);
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  ExpectEnded(128 + SIGTERM);
}

TEST_F(BehindAShellTest, AtTheEndTheServerHasTheLimitOfTheEnd) {
  options_.stop.shutdown_timeout = absl::Seconds(30);
  StartSupervising();
  const pid_t server = AddServer();
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(30) - kTick);
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(kTick);
  EXPECT_FALSE(os().Alive(server));
  EXPECT_EQ(Lines(absl::StrCat("leftover process ", server,
                               " (server): SIGKILL, as --shutdown-timeout=30s "
                               "is over")),
            1);
  ExpectEnded(128 + SIGTERM);
}

TEST_F(BehindAShellTest, AFreezeIsNotPartOfTheTimeOfTheServer) {
  StartSupervising();
  const pid_t server = AddServer();
  Change();
  world_.Advance(absl::Seconds(5));
  world_.Freeze(absl::Minutes(1));
  EXPECT_TRUE(os().Alive(server));
  world_.Advance(absl::Seconds(6));
  EXPECT_FALSE(os().Alive(server));
}

// 10,000 of them are one line more.
TEST_F(BehindAShellTest, OnlySoManyThatAreKilledAreNamed) {
  StartSupervising();
  for (int i = 0; i < 30; ++i) AddServer();
  Change();
  world_.Advance(options_.stop.timeout);
  EXPECT_EQ(os().spawns(), 2);
  int named = 0;
  for (const std::string& line : world_.log().lines()) {
    named += line.find("(server): SIGKILL") != std::string::npos;
  }
  EXPECT_EQ(named, 10);
  EXPECT_EQ(Lines("more leftover processes: SIGKILL, as --stop-timeout=10s is "
                  "over"),
            1);
}

// The next one waits for both.
TEST_F(BehindAShellTest, TheTimeOfTheStopIncludesWhatIsLeftBehind) {
  StartSupervising();
  AddServer();
  Change();
  world_.Advance(options_.stop.timeout);
  EXPECT_THAT(world_.log().events(),
              ::testing::Contains(::testing::HasSubstr("stopped_ms=10000")));
}

// -- Without /proc ------------------------------------------------------------

TEST_F(SupervisorTest, WithoutProcItWarnsOnceAtTheStart) {
  os().set_no_proc(true);
  StartSupervising();
  ASSERT_FALSE(world_.log().lines().empty());
  EXPECT_THAT(world_.log().lines().front(),
              ::testing::StartsWith("/proc is not mounted, or "));
  Change();
  EXPECT_EQ(os().spawns(), 2);
  int count = 0;
  for (const std::string& line : world_.log().lines()) {
    count += line.find("/proc") != std::string::npos;
  }
  EXPECT_EQ(count, 1);
}

TEST_F(SupervisorTest, WithoutProcThereIsNothingToWarnAPlainInitOf) {
  os().set_no_proc(true);
  StartPlain();
  EXPECT_THAT(
      world_.log().lines(),
      ::testing::Not(::testing::Contains(::testing::HasSubstr("/proc"))));
}

// -- A main process that survives SIGKILL -------------------------------------

class SurvivorTest : public SupervisorTest {
 protected:
  SurvivorTest() { options_.stop.shutdown_timeout = absl::Seconds(5); }
  void Survive() {
    os().process(os().last()).deaf = true;
    os().process(os().last()).unkillable = true;
    os().process(os().last()).state = 'D';
  }
  bool Says(const std::string& text) {
    for (const std::string& line : world_.log().lines()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }
  void EndsWithoutIt() {
    world_.Advance(StopLadder::kUnkillable + absl::Milliseconds(500));
    ExpectEnded(128 + SIGKILL);
    EXPECT_TRUE(Says(absl::StrCat("process [", os().last(),
                                  "] survives SIGKILL: ending without it, as "
                                  "--shutdown-timeout=5s is over")));
    Exit(0);
  }
};

TEST_F(SurvivorTest, AnEndWithALimitIsNotHeldUp) {
  StartSupervising();
  Survive();
  Signal(SIGTERM);
  world_.Advance(options_.stop.shutdown_timeout);
  EXPECT_FALSE(supervisor_->ended());
  EndsWithoutIt();
}

TEST_F(SurvivorTest, AnEndWithoutALimitWaits) {
  options_.stop.shutdown_timeout = absl::InfiniteDuration();
  StartSupervising();
  Survive();
  Signal(SIGINT);
  Signal(SIGINT);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(supervisor_->ended());
  Exit(3);
  ExpectEnded(3);
}

TEST_F(SurvivorTest, ARestartWaitsForIt) {
  StartSupervising();
  Survive();
  Change();
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 1);
  Signal(SIGTERM);
  world_.Advance(options_.stop.shutdown_timeout - StopLadder::kUnkillable);
  EXPECT_FALSE(supervisor_->ended());
  EndsWithoutIt();
}

TEST_F(SurvivorTest, WhatRunsBelowItIsSweptAllTheSame) {
  StartSupervising();
  Survive();
  const pid_t worker = os().AddChildOf(os().last());
  Signal(SIGTERM);
  world_.Advance(options_.stop.shutdown_timeout);
  EXPECT_TRUE(os().Alive(worker));
  EndsWithoutIt();
  EXPECT_THAT(os().sent(),
              ::testing::Contains(std::make_pair(worker, SIGTERM)));
}

TEST_F(SurvivorTest, OnesThatAreAskedToKillNowDoNotWaitEither) {
  StartSupervising();
  Survive();
  Change();
  world_.Advance(absl::Hours(1));
  supervisor_->AskStop(/*now=*/true);
  EndsWithoutIt();
}

TEST_F(SupervisorTest, StrangersAreLeftAloneUntilTheEnd) {
  StartSupervising();
  const pid_t stranger = os().AddChildOf(FakeOs::kSelf);  // of docker exec
  os().process(stranger).marked = false;
  Change();
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_TRUE(Received(stranger).empty());
  Signal(SIGTERM);
  EXPECT_FALSE(os().Alive(stranger));
  ExpectEnded(128 + SIGTERM);
}

// -- Down, at any moment ------------------------------------------------------

struct Moment {
  const char* name;
  int exit_code;  // after TERM
};

class DownTest : public SupervisorTest,
                 public ::testing::WithParamInterface<Moment> {};

TEST_P(DownTest, TermEndsInTimeWithTheRightStatus) {
  const std::string moment = GetParam().name;
  options_.restart.policy = RestartOptions::Policy::kAlways;
  if (moment == "fork_fails") os().set_spawn_errors(1000);
  if (moment == "starting") os().set_hold_exec(true);
  if (moment == "stopping") os().set_deaf_by_default(true);
  if (moment == "waiting") {
    options_.restart.policy = RestartOptions::Policy::kNo;
    options_.after_exit = AfterExit::kWait;
  }
  StartSupervising();
  if (moment == "backoff" || moment == "waiting") Exit(1);
  if (moment == "stopping") Change();
  if (moment == "leftovers") {
    os().process(os().AddChildOf(os().last())).deaf = true;
    Change();
    ASSERT_EQ(os().spawns(), 1);
  }
  Signal(SIGTERM);
  if (moment == "stopping") {
    // No KILL of ours any more: it has all the time that the runtime gives.
    world_.Advance(absl::Hours(1));
    EXPECT_FALSE(supervisor_->ended());
    Exit(0);
  }
  if (moment == "leftovers") world_.Advance(options_.stop.timeout);
  ExpectEnded(GetParam().exit_code);
}

INSTANTIATE_TEST_SUITE_P(
    Moments, DownTest,
    ::testing::Values(Moment{"fork_fails", 143}, Moment{"starting", 143},
                      Moment{"running", 143}, Moment{"stopping", 0},
                      Moment{"leftovers", 143}, Moment{"backoff", 143},
                      Moment{"waiting", 143}),
    [](const auto& moment) { return std::string(moment.param.name); });

TEST_F(SupervisorTest, DownGivesTheProcessAllTheTimeItNeeds) {
  os().set_deaf_by_default(true);
  options_.restart.policy = RestartOptions::Policy::kAlways;
  StartSupervising();
  Signal(SIGTERM);
  world_.Advance(absl::Hours(1));
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGTERM, SIGCONT));
  Exit(0);
  ExpectEnded(0);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(SupervisorTest, ARepeatedTermIsForwardedAgain) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGTERM);
  Signal(SIGTERM);
  Signal(SIGINT);
  EXPECT_THAT(Received(os().last()),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT, SIGINT, SIGCONT));
  Exit(0);
}

TEST_F(SupervisorTest, ASecondCtrlCKills) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGINT);
  EXPECT_FALSE(supervisor_->ended());
  Signal(SIGINT);
  ExpectEnded(128 + SIGKILL);
}

// Found to be at fault it has the time that it had; its twin is below.
TEST_F(SupervisorTest, TermDuringARestartForAFailureDoesNotPutOffTheKill) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  StartSupervising();
  Sick();
  world_.Advance(absl::Seconds(5));
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(4));
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(1));
  ExpectEnded(128 + SIGKILL);
}

TEST_F(SupervisorTest, TermDuringAReloadGivesItTheTimeOfTheEnd) {
  os().set_deaf_by_default(true);
  options_.stop.timeout = absl::Seconds(10);
  StartSupervising();
  Change();
  world_.Advance(absl::Seconds(5));
  Signal(SIGTERM);
  world_.Advance(absl::Hours(1));
  EXPECT_FALSE(supervisor_->ended());
  Exit(0);
  ExpectEnded(0);
}

TEST_F(SupervisorTest, TermDuringARestartIsNotASecondTermForTheProcess) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Change();
  Signal(SIGTERM);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGTERM, SIGCONT));
  Signal(SIGTERM);
  EXPECT_THAT(Received(os().last()),
              ElementsAre(SIGTERM, SIGCONT, SIGTERM, SIGCONT));
  Exit(4);
  ExpectEnded(4);
  EXPECT_EQ(os().spawns(), 1);
}

TEST_F(SupervisorTest, OtherSignalsAreForwardedWhenSupervising) {
  os().set_deaf_by_default(true);
  StartSupervising();
  Signal(SIGHUP);
  Signal(SIGUSR1);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGHUP, SIGUSR1));
  Exit(0);
}

}  // namespace
}  // namespace reinit
