// --env-file, read anew for each start, on a file system that may hang.
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EnvironmentFileTest : public SupervisorTest {
 protected:
  EnvironmentFileTest() {
    Write("A=1\n");
    options_.process.environment_files = {path_};
    options_.process.environment = {"B=flag"};
    options_.restart.policy = RestartOptions::Policy::kAlways;
    options_.restart.delay = absl::ZeroDuration();
  }
  ~EnvironmentFileTest() override { std::remove(path_.c_str()); }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }

  void BeSidecar() {
    options_.command.clear();
    options_.restart = {};
    options_.reload.on_change = {{ChangeAction::Kind::kExec, 0, "exec:x"}};
    options_.reload.on_change[0].argv = {"x"};
  }

  // What the newest process was given.
  const std::vector<std::string>& Given() {
    return os().process(os().last()).request.environment;
  }
  void Down() {
    Signal(SIGTERM);
    ExpectEnded(143);
  }

  const std::string path_ = ::testing::TempDir() + "/env";
};

TEST_F(EnvironmentFileTest, IsReadByAChildForEachStart) {
  StartSupervising();
  EXPECT_EQ(os().forks(), 1);
  EXPECT_THAT(Given(), Contains("A=1"));
  EXPECT_THAT(Given(), Contains("B=flag"));
  Write("A=2\n");
  Exit(1);
  EXPECT_EQ(os().forks(), 2);
  EXPECT_THAT(Given(), Contains("A=2"));
  Down();
}

TEST_F(EnvironmentFileTest, WhileItIsReadSignalsAreKept) {
  os().set_hold_forks(true);
  StartSupervising();
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_EQ(supervisor_->StateName(), "starting");
  Signal(SIGUSR1);
  os().set_hold_forks(false);
  world_.Advance(SideChild::kPatience + absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1));
  Down();
}

TEST_F(EnvironmentFileTest, OneThatHangsHoldsNothingUpForLong) {
  StartSupervising();
  os().set_hold_forks(true);
  Exit(1);
  EXPECT_EQ(os().spawns(), 1);
  world_.Advance(SideChild::kPatience);
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(Given(), Contains("A=1"));
  EXPECT_THAT(
      world_.log().lines(),
      Contains(AllOf(HasSubstr("--env-file"), HasSubstr("does not answer"),
                     HasSubstr("keeping the environment as it was"))));
  os().set_hold_forks(false);
  Down();
}

TEST_F(EnvironmentFileTest, NothingStartsWithoutAFirstOneThatHangs) {
  os().set_hold_forks(true);
  StartSupervising();
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_THAT(
      world_.log().lines(),
      Contains(AllOf(HasSubstr("--env-file"), HasSubstr("does not answer"),
                     HasSubstr("trying again in"))));
  Signal(SIGUSR1);
  os().set_hold_forks(false);
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_EQ(supervisor_->instance()->generation(), 1);
  EXPECT_THAT(Given(), Contains("A=1"));
  EXPECT_THAT(Given(), Contains("B=flag"));
  EXPECT_THAT(Received(os().last()), ElementsAre(SIGUSR1));
  Down();
}

TEST_F(EnvironmentFileTest, NothingStartsWithoutAFirstOneThatCannotBeRead) {
  Write("nonsense\n");
  StartSupervising();
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_THAT(world_.log().lines(),
              Contains(AllOf(HasSubstr(":1: not KEY=value"),
                             HasSubstr("trying again in"))));
  Write("A=1\n");
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(Given(), Contains("A=1"));
  Down();
}

TEST_F(EnvironmentFileTest, DownWhileTheFirstOneIsTriedAgain) {
  Write("nonsense\n");
  StartSupervising();
  world_.Advance(absl::Minutes(1));
  Down();
  EXPECT_EQ(os().spawns(), 0);
}

TEST_F(EnvironmentFileTest, OneThatIsBrokenLaterLeavesTheLastGoodOne) {
  StartSupervising();
  Write("nonsense\n");
  Exit(1);
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(Given(), Contains("A=1"));
  Down();
}

TEST_F(EnvironmentFileTest, DownDoesNotWaitForIt) {
  os().set_hold_forks(true);
  StartSupervising();
  Down();
  EXPECT_EQ(os().spawns(), 0);
}

TEST_F(EnvironmentFileTest, WithoutAForkTheStartIsTriedAgain) {
  os().set_fork_fails(true);
  StartSupervising();
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("cannot start a process")));
  os().set_fork_fails(false);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_EQ(supervisor_->instance()->generation(), 1);
  EXPECT_THAT(Given(), Contains("A=1"));
  Down();
}

TEST_F(EnvironmentFileTest, WhatChangesWhileItIsReadIsOneMore) {
  os().set_hold_forks(true);
  StartSupervising();
  Change();
  os().set_hold_forks(false);
  world_.Advance(SideChild::kPatience + absl::Seconds(1));
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_THAT(Given(), Contains("A=1"));
  Down();
}

TEST_F(EnvironmentFileTest, TheOldProcessServesWhileItIsRead) {
  options_.restart.order = RestartOptions::Order::kStartFirst;
  StartSupervising();
  const pid_t old = os().last();
  os().set_hold_forks(true);
  Change();
  EXPECT_EQ(os().spawns(), 1);
  Signal(SIGUSR1);
  EXPECT_THAT(Received(old), ElementsAre(SIGUSR1));
  world_.Advance(SideChild::kPatience);
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_FALSE(os().Alive(old));
  os().set_hold_forks(false);
  Down();
}

TEST_F(EnvironmentFileTest, ASidecarRunsNothingWithoutIt) {
  BeSidecar();
  Write("nonsense\n");
  StartSupervising();
  Change();
  world_.Advance(absl::Minutes(1));
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_THAT(world_.log().lines(),
              Contains(AllOf(HasSubstr(":1: not KEY=value"),
                             HasSubstr("trying again in"))));
  Write("A=1\n");
  while (os().spawns() == 0) world_.Advance(absl::Milliseconds(100));
  EXPECT_THAT(Given(), Contains("A=1"));
  Exit(0);
  Signal(SIGTERM);
  ExpectEnded(0);
}

TEST_F(EnvironmentFileTest, ASidecarThatNeverHasItEnds) {
  BeSidecar();
  os().set_hold_forks(true);
  StartSupervising();
  world_.Advance(absl::Minutes(1));
  Signal(SIGTERM);
  ExpectEnded(0);
}

TEST_F(EnvironmentFileTest, ASidecarHasItToo) {
  BeSidecar();
  os().set_hold_forks(true);
  StartSupervising();
  // Not before it is known.
  Change();
  EXPECT_EQ(os().spawns(), 0);
  os().set_hold_forks(false);
  while (os().spawns() == 0) world_.Advance(absl::Milliseconds(100));
  EXPECT_THAT(Given(), Contains("B=flag"));
  Exit(0);
  Signal(SIGTERM);
  ExpectEnded(0);
}

}  // namespace
}  // namespace reinit
