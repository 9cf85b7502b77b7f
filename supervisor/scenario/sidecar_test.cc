// Without a command: signals to somebody else's process.
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
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
using ::testing::Not;

class SidecarTest : public SupervisorTest {
 protected:
  SidecarTest() {
    options_.command.clear();
    options_.target.process = "nginx";
    On(ChangeAction::Kind::kSignal, SIGUSR1);
  }
  ~SidecarTest() override {
    std::vector<pid_t> strangers;
    for (const auto& [pid, process] : os().processes()) {
      if (process.parent != FakeOs::kSelf) strangers.push_back(pid);
    }
    for (const pid_t pid : strangers) os().Vanish(pid);
  }

  void On(ChangeAction::Kind kind, int value) {
    options_.reload.on_change = {{kind, value, "text"}};
  }
  bool Logged(const std::string& text) {
    for (const std::string& line : world_.log().lines()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }
  void ExpectPending() {
    EXPECT_EQ(supervisor_->change(), ChangeState::kPending);
    EXPECT_EQ(supervisor_->StateName(), "pending");
  }
  void ExpectApplied() {
    EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
    EXPECT_EQ(supervisor_->StateName(), "watching");
  }
};

TEST_F(SidecarTest, TheTargetGetsTheSignal) {
  const pid_t nginx = os().AddStranger("nginx");
  const pid_t worker = os().AddStranger("nginx", nginx);
  StartSupervising();
  EXPECT_EQ(os().spawns(), 0);
  EXPECT_TRUE(Logged("target: process 100 'nginx'"));
  Change("nginx.conf");
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
  EXPECT_THAT(Received(worker), ElementsAre());
  ExpectApplied();
  EXPECT_THAT(world_.log().events(),
              Contains(HasSubstr("applied action=SIGUSR1 to process 100 "
                                 "'nginx' result=sent")));
  Signal(SIGTERM);
  ExpectEnded(0);
}

TEST_F(SidecarTest, WithoutProcTheLineSaysSo) {
  os().set_no_proc(true);
  StartSupervising();
  EXPECT_TRUE(Logged("/proc is not mounted"));
  EXPECT_FALSE(Logged("shareProcessNamespace"));
  Signal(SIGTERM);
  ExpectEnded(0);
}

TEST_F(SidecarTest, DownMeansStatusZero) {
  for (const int signo : {SIGTERM, SIGINT, SIGQUIT}) {
    StartSupervising();
    EXPECT_TRUE(supervisor_->Describe().Settled());
    EXPECT_TRUE(supervisor_->Describe().serves);
    Signal(SIGHUP);  // means nothing
    Signal(SIGUSR1);
    EXPECT_FALSE(supervisor_->ended());
    Signal(signo);
    ExpectEnded(0);
  }
}

// Its image may have the STOPSIGNAL of httpd or haproxy.
TEST_F(SidecarTest, TheStopSignalMeansDown) {
  options_.stop.signal = SIGWINCH;
  StartSupervising();
  Signal(SIGWINCH);
  ExpectEnded(0);
}

TEST_F(SidecarTest, AReloadSignalMeansAChange) {
  options_.reload.signal = SIGHUP;
  const pid_t nginx = os().AddStranger("nginx");
  StartSupervising();
  Signal(SIGHUP);
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
}

TEST_F(SidecarTest, NobodyThereYet) {
  StartSupervising();
  EXPECT_TRUE(Logged("--target-process=nginx: no such process"));
  Change();
  ExpectPending();
  const pid_t nginx = os().AddStranger("nginx");
  world_.Advance(absl::Seconds(6));
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
  ExpectApplied();
}

TEST_F(SidecarTest, MissingCanBeTheEnd) {
  options_.target.on_missing = TargetOptions::OnMissing::kFail;
  StartSupervising();
  ExpectEnded(1);
}

TEST_F(SidecarTest, MissingLaterCanBeTheEnd) {
  options_.target.on_missing = TargetOptions::OnMissing::kFail;
  const pid_t nginx = os().AddStranger("nginx");
  StartSupervising();
  os().Vanish(nginx);
  EXPECT_FALSE(supervisor_->ended());
  Change();
  ExpectEnded(1);
}

TEST_F(SidecarTest, SeveralAreTooMany) {
  const pid_t one = os().AddStranger("nginx");
  const pid_t two = os().AddStranger("nginx");
  StartSupervising();
  Change();
  ExpectPending();
  EXPECT_TRUE(Logged("2 processes match (100, 101)"));
  EXPECT_THAT(Received(one), ElementsAre());
  EXPECT_THAT(Received(two), ElementsAre());
}

TEST_F(SidecarTest, UnlessAllAreMeant) {
  options_.target.all = true;
  const pid_t one = os().AddStranger("nginx");
  const pid_t two = os().AddStranger("nginx");
  StartSupervising();
  os().process(two).refuses = EPERM;
  Change();
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1));
  ExpectPending();
}

TEST_F(SidecarTest, ARetryIsForThoseThatHaveNotHadIt) {
  options_.target.all = true;
  const pid_t one = os().AddStranger("nginx");
  const pid_t two = os().AddStranger("nginx");
  StartSupervising();
  os().process(two).refuses = EPERM;
  Change();
  const pid_t late = os().AddStranger("nginx");
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1));
  EXPECT_THAT(Received(late), ElementsAre(SIGUSR1));
  ExpectPending();
  os().process(two).refuses = 0;
  world_.Advance(absl::Minutes(1));
  EXPECT_THAT(Received(two), ElementsAre(SIGUSR1));
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1));
  ExpectApplied();
  // Another change is for all of them.
  Change("b.conf");
  for (const pid_t each : {one, two, late}) {
    EXPECT_THAT(Received(each), ElementsAre(SIGUSR1, SIGUSR1));
  }
}

TEST_F(SidecarTest, SoIsANewerChangeWhileOneIsPending) {
  options_.target.all = true;
  const pid_t one = os().AddStranger("nginx");
  const pid_t two = os().AddStranger("nginx");
  StartSupervising();
  os().process(two).refuses = EPERM;
  Change();
  Change("b.conf");
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1, SIGUSR1));
}

TEST_F(SidecarTest, NotSentWhereItWouldKill) {
  const pid_t nginx = os().AddStranger("nginx");
  os().process(nginx).withstands = false;
  StartSupervising();
  Change();
  ExpectPending();
  EXPECT_THAT(Received(nginx), ElementsAre());
  EXPECT_TRUE(Logged("no handler for it and would be ended"));
}

TEST_F(SidecarTest, UnlessForcedOrHarmless) {
  options_.target.force = true;
  const pid_t nginx = os().AddStranger("nginx");
  os().process(nginx).withstands = false;
  StartSupervising();
  Change();
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
  ExpectApplied();
}

TEST_F(SidecarTest, ASignalThatEndsNobodyNeedsNoHandler) {
  On(ChangeAction::Kind::kSignal, SIGWINCH);
  const pid_t nginx = os().AddStranger("nginx");
  os().process(nginx).withstands = false;
  StartSupervising();
  Change();
  EXPECT_THAT(Received(nginx), ElementsAre(SIGWINCH));
}

TEST_F(SidecarTest, NoPermissionIsExplained) {
  const pid_t nginx = os().AddStranger("nginx");
  os().process(nginx).refuses = EPERM;
  StartSupervising();
  Change();
  ExpectPending();
  EXPECT_TRUE(Logged("runAsUser: 1001"));
  EXPECT_TRUE(Logged("capability KILL"));
}

TEST_F(SidecarTest, CtlHasNoProcessToDealWith) {
  StartSupervising();
  EXPECT_FALSE(supervisor_->AskRestart(0, nullptr).ok());
  EXPECT_FALSE(supervisor_->AskSignal(SIGHUP).ok());
  EXPECT_EQ(os().spawns(), 0);
  const pid_t nginx = os().AddStranger("nginx");
  EXPECT_TRUE(supervisor_->AskReload(nullptr).ok());
  world_.Settle();
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
  supervisor_->AskStop(/*now=*/true);
  world_.Settle();
  ExpectEnded(0);
}

TEST_F(SidecarTest, ExitByAChange) {
  On(ChangeAction::Kind::kExit, 7);
  StartSupervising();
  Change();
  ExpectEnded(7);
}

TEST_F(SidecarTest, ACommandRunsWithoutAProcess) {
  On(ChangeAction::Kind::kExec, 0);
  options_.reload.on_change[0].argv = {"nginx", "-s", "reload"};
  StartSupervising();
  Change();
  EXPECT_EQ(os().spawns(), 1);
  Exit(1);
  ExpectPending();
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
  ExpectApplied();
}

TEST_F(SidecarTest, TheCheckComesFirst) {
  options_.reload.check = {"nginx", "-t"};
  const pid_t nginx = os().AddStranger("nginx");
  StartSupervising();
  Change();
  EXPECT_EQ(supervisor_->StateName(), "reloading");
  Exit(1);
  EXPECT_THAT(Received(nginx), ElementsAre());
  Change();
  Exit(0);
  EXPECT_THAT(Received(nginx), ElementsAre(SIGUSR1));
}

class PidFileTest : public SidecarTest {
 protected:
  PidFileTest() {
    options_.target.process.clear();
    options_.target.pidfile = path_;
  }
  ~PidFileTest() override { std::remove(path_.c_str()); }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  const std::string path_ = ::testing::TempDir() + "/pidfile";
};

TEST_F(PidFileTest, IsReadAnewEachTime) {
  const pid_t one = os().AddStranger("a");
  const pid_t two = os().AddStranger("b");
  Write(absl::StrCat(one, "\n"));
  StartSupervising();
  Change();
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1));
  Write(absl::StrCat(" ", two, " \nmore"));
  Change();
  EXPECT_THAT(Received(two), ElementsAre(SIGUSR1));
}

TEST_F(PidFileTest, NonsenseIsNobody) {
  const pid_t one = os().AddStranger("a");
  StartSupervising();
  for (const std::string text : {"", "x", "-1", "0", "1 2", "99999999999"}) {
    Write(text);
    Change();
    ExpectPending();
  }
  EXPECT_THAT(Received(one), ElementsAre());
  // Of its own it gets none either.
  Write(absl::StrCat(FakeOs::kSelf));
  Change();
  ExpectPending();
  EXPECT_TRUE(Logged("the file holds reinit's own pid"));
}

TEST_F(PidFileTest, OneThatHangsIsTriedAgain) {
  const pid_t one = os().AddStranger("a");
  Write(absl::StrCat(one));
  os().set_hold_forks(true);
  StartSupervising();
  // A change does not wait for what is read to be shown.
  Change();
  EXPECT_EQ(os().forks(), 2);
  EXPECT_EQ(supervisor_->StateName(), "reloading");
  world_.Advance(SideChild::kPatience);
  ExpectPending();
  EXPECT_TRUE(Logged("--target-pidfile"));
  EXPECT_TRUE(Logged("does not answer"));
  os().set_hold_forks(false);
  world_.Advance(absl::Seconds(6));
  EXPECT_THAT(Received(one), ElementsAre(SIGUSR1));
  ExpectApplied();
}

TEST_F(PidFileTest, DownDoesNotWaitForOneThatHangs) {
  Write("1");
  os().set_hold_forks(true);
  StartSupervising();
  Change();
  Signal(SIGTERM);
  ExpectEnded(0);
}

// A file system that does not answer tells nothing of the target.
TEST_F(PidFileTest, OneThatHangsIsNotMissing) {
  options_.target.on_missing = TargetOptions::OnMissing::kFail;
  os().set_hold_forks(true);
  StartSupervising();
  world_.Advance(SideChild::kPatience);
  EXPECT_FALSE(supervisor_->ended());
  EXPECT_TRUE(Logged("does not answer"));
  os().set_hold_forks(false);
  Change();
  ExpectEnded(1);
}

}  // namespace
}  // namespace reinit
