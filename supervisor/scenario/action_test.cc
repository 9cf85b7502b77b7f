// What --on-change does beside restart and signal, and in which order.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Pair;

class ActionTest : public SupervisorTest {
 protected:
  void Exec(const std::string& program) {
    ChangeAction action;
    action.kind = ChangeAction::Kind::kExec;
    action.argv = {program};
    options_.reload.on_change.push_back(action);
  }
  void Http() {
    ChangeAction action;
    action.kind = ChangeAction::Kind::kHttp;
    action.request = *ParseRequestTarget("POST http://127.0.0.1:9/-/reload");
    options_.reload.on_change.push_back(action);
  }
  void Add(ChangeAction::Kind kind, int value = 0) {
    options_.reload.on_change.push_back({kind, value, ""});
  }

  void ChangeTo(uint64_t content) {
    Reason reason;
    reason.cause = Reason::Cause::kFile;
    reason.text = "file";
    reason.content = content;
    Wake(reason);
  }
  // The process ends while for_change_ is at work; the hook before the next one
  // is what was started last.
  void PrepareAStartDuringAChange() {
    options_.process.pre_start = {"migrate"};
    options_.restart.policy = RestartOptions::Policy::kAlways;
    StartSupervising();
    os().Exit(os().last(), {.code = 0});
    world_.Settle();
    const pid_t app = os().last();
    Change();
    for_change_ = os().last();
    os().Exit(app, {.code = 1});
    world_.Advance(absl::Seconds(1));
  }
  // The program that was started last and still runs; else nothing.
  std::string Running() {
    return os().Alive(os().last()) ? os().process(os().last()).request.argv[0]
                                   : "";
  }
  // What the helper was asked last; nothing new: id 0.
  ProbeRequest Asked() {
    ProbeRequest request;
    request.id = 0;
    ProbeRequest next;
    while (::recv(HelperFd(), &next, sizeof(next), MSG_DONTWAIT) ==
           sizeof(next)) {
      request = next;
    }
    return request;
  }
  void Reply(uint64_t id, bool passed) {
    ProbeReply reply;
    reply.id = id;
    reply.passed = passed ? 1 : 0;
    std::memcpy(reply.text, "HTTP x", 6);
    ASSERT_EQ(::send(HelperFd(), &reply, sizeof(reply), MSG_NOSIGNAL),
              static_cast<ssize_t>(sizeof(reply)));
    world_.Settle();
  }
  pid_t Helper() {
    for (const auto& [pid, process] : os().processes()) {
      if (process.request.argv[0] == "reinit: probe") return pid;
    }
    return 0;
  }
  int HelperFd() { return os().process(Helper()).passed_fd.get(); }
  ChangeState Change1() const { return supervisor_->change(); }
  void ExpectApplied() { EXPECT_EQ(Change1(), ChangeState::kNone); }
  void ExpectPending() { EXPECT_EQ(Change1(), ChangeState::kPending); }

  pid_t for_change_ = 0;  // the check or the command
};

TEST_F(ActionTest, ACommandIsToldWhy) {
  Exec("render");
  StartSupervising();
  const pid_t app = os().last();
  Change("a.conf");
  EXPECT_EQ(Running(), "render");
  EXPECT_THAT(os().process(os().last()).request.environment,
              IsSupersetOf({"REINIT_REASON=file: a.conf",
                            "REINIT_CHANGED=a.conf", "PATH=/bin"}));
  EXPECT_EQ(Change1(), ChangeState::kApplying);
  Exit(0);
  ExpectApplied();
  EXPECT_TRUE(os().Alive(app));
  EXPECT_THAT(world_.log().events(),
              Contains("applied action=exec:render result=exit code 0 "
                       "cause=file reason=a.conf changed=a.conf"));
}

TEST_F(ActionTest, OneThatFailsIsTriedAgainLessAndLessOften) {
  Exec("render");
  StartSupervising();
  Change();
  Exit(3);
  ExpectPending();
  for (const int wait : {5, 10, 20, 30, 30}) {
    world_.Advance(absl::Seconds(wait) - absl::Milliseconds(1));
    EXPECT_NE(Running(), "render");
    world_.Advance(absl::Milliseconds(1));
    EXPECT_EQ(Running(), "render");
    Exit(3);
    ExpectPending();
  }
  // Another change is tried at once.
  Change("fixed.conf");
  EXPECT_EQ(Running(), "render");
  Exit(0);
  ExpectApplied();
  world_.Advance(absl::Minutes(5));
  EXPECT_NE(Running(), "render");
}

TEST_F(ActionTest, AChangeDuringOneAndARestartComesAfterIt) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.reload.check = {"check"};
  Exec("render");
  StartSupervising();
  const pid_t app = os().last();
  Change("a.conf");
  Exit(0);
  const pid_t render = os().last();
  EXPECT_EQ(Running(), "render");
  os().Exit(app, {.code = 1});
  world_.Settle();
  EXPECT_EQ(supervisor_->StateName(), "backoff");
  Change("b.conf");
  EXPECT_EQ(os().last(), render);
  Exit(0);
  EXPECT_EQ(Running(), "check");
  Exit(1);
  ExpectApplied();  // nothing is, of b.conf
  EXPECT_EQ(supervisor_->Describe().change_failure,
            "b.conf: --reload-check: exit code 1");
}

// It is not told only when something else happens.
TEST_F(ActionTest, AChangeDuringOneIsTakenUpOnceTheHookIsThrough) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.process.pre_start = {"hook"};
  Exec("render");
  StartSupervising();
  Exit(0);
  const pid_t app = os().last();
  Change("a.conf");
  const pid_t render = os().last();
  Change("b.conf");
  os().Exit(app, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "hook");
  const pid_t hook = os().last();
  os().Exit(render, {});
  world_.Settle();
  EXPECT_EQ(os().last(), hook);
  os().Exit(hook, {});
  world_.Settle();
  EXPECT_EQ(Running(), "render");
  Exit(0);
  ExpectApplied();
}

// The change is told by the start, and to whom the command tells it.
TEST_F(ActionTest, AChangeThatComesWithTheEndOfTheProcess) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  Exec("render");
  StartSupervising();
  os().Exit(os().last(), {.code = 1});
  Change("a.conf");
  EXPECT_EQ(Running(), "render");
  EXPECT_EQ(Change1(), ChangeState::kApplying);
  Exit(0);
  ExpectApplied();
}

// Nobody is there to be told when it is the signal's turn.
TEST_F(ActionTest, ASignalForAProcessThatHasEndedMeanwhile) {
  Exec("render");
  Add(ChangeAction::Kind::kSignal, SIGHUP);
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.delay = absl::Seconds(5);
  StartSupervising();
  const pid_t app = os().last();
  Change();
  const pid_t render = os().last();
  os().Exit(app, {.code = 1});
  world_.Settle();
  os().Exit(render, {.code = 0});
  world_.Settle();
  EXPECT_EQ(supervisor_->change(), ChangeState::kPending);
  world_.Advance(absl::Seconds(30));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(os().sent(), Contains(Pair(_, SIGHUP)));
}

// The start that is being prepared is not begun anew.
TEST_F(ActionTest, ARestartWhileAStartIsBeingPrepared) {
  Exec("render");
  Add(ChangeAction::Kind::kRestart);
  PrepareAStartDuringAChange();
  const pid_t migrate = os().last();
  ASSERT_EQ(Running(), "migrate");
  os().Exit(for_change_, {.code = 0});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(os().last(), migrate);
  EXPECT_TRUE(os().Alive(migrate));
  os().Exit(migrate, {.code = 0});
  world_.Settle();
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(os().processes().size(), 1u);
}

// The check is done while the start is being prepared: it has been for nothing,
// and is made again for the process that has come.
TEST_F(ActionTest, ACheckThatEndsWhileAStartIsBeingPrepared) {
  options_.reload.check = {"build"};
  PrepareAStartDuringAChange();
  const pid_t migrate = os().last();
  ASSERT_EQ(Running(), "migrate");
  os().Exit(for_change_, {.code = 0});
  world_.Settle();
  EXPECT_EQ(os().last(), migrate);
  os().Exit(migrate, {.code = 0});
  world_.Settle();
  EXPECT_EQ(Running(), "build");
  EXPECT_EQ(os().processes().size(), 2u);  // and the app
}

TEST_F(ActionTest, OneThatHangsIsKilledWithItsGroup) {
  Exec("render");
  options_.reload.timeout = absl::Seconds(7);
  StartSupervising();
  Change();
  const pid_t hook = os().last();
  os().process(hook).deaf = true;
  world_.Advance(absl::Seconds(7));
  EXPECT_FALSE(os().Alive(hook));
  ExpectPending();
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("no result within 7s")));
}

TEST_F(ActionTest, OneThatCannotBeRun) {
  Exec("render");
  StartSupervising();
  os().set_exec_error(ENOENT);
  Change();
  ExpectPending();
  os().set_spawn_errors(1);
  world_.Advance(absl::Seconds(5));
  ExpectPending();
}

TEST_F(ActionTest, InOrderAndARetryGoesOnWhereItFailed) {
  Exec("one");
  Exec("two");
  Add(ChangeAction::Kind::kSignal, SIGUSR1);
  StartSupervising();
  const pid_t app = os().last();
  Change();
  EXPECT_EQ(Running(), "one");
  Exit(0);
  EXPECT_EQ(Running(), "two");
  Exit(1);
  EXPECT_THAT(Received(app), ElementsAre());
  ExpectPending();
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Running(), "two");
  Exit(0);
  EXPECT_THAT(Received(app), ElementsAre(SIGUSR1));
  ExpectApplied();
}

TEST_F(ActionTest, AnotherChangeBeginsWithTheFirst) {
  Exec("one");
  Exec("two");
  StartSupervising();
  Change();
  Exit(0);
  Exit(1);
  Change("b");
  EXPECT_EQ(Running(), "one");
}

// thanos#5324: back to what was good before was taken for no change.
TEST_F(ActionTest, AChangeBackIsAppliedToo) {
  Exec("render");
  StartSupervising();
  ChangeTo(1);
  Exit(0);
  EXPECT_EQ(supervisor_->Describe().applied_content, 1U);
  ChangeTo(2);
  Exit(1);
  ExpectPending();
  EXPECT_EQ(supervisor_->Describe().attempted_content, 2U);
  EXPECT_EQ(supervisor_->Describe().applied_content, 1U);
  ChangeTo(1);
  EXPECT_EQ(Running(), "render");
  Exit(0);
  ExpectApplied();
  EXPECT_EQ(supervisor_->Describe().attempted_content, 1U);
  EXPECT_EQ(supervisor_->Describe().applied_content, 1U);
}

// What is applied is what there was when the action began.
TEST_F(ActionTest, AChangeMeanwhileIsNotAppliedYet) {
  Exec("render");
  StartSupervising();
  ChangeTo(1);
  ChangeTo(2);
  Exit(0);
  EXPECT_EQ(supervisor_->Describe().applied_content, 1U);
  EXPECT_EQ(supervisor_->Describe().attempted_content, 2U);
  Exit(0);
  EXPECT_EQ(supervisor_->Describe().applied_content, 2U);
}

TEST_F(ActionTest, WhatChangesMeanwhileIsOneMore) {
  Exec("render");
  StartSupervising();
  Change("a");
  Change("b");
  Change("c");
  const int before = os().spawns();
  Exit(0);
  EXPECT_EQ(Running(), "render");
  EXPECT_THAT(os().process(os().last()).request.environment,
              Contains("REINIT_CHANGED=c"));
  Exit(0);
  ExpectApplied();
  EXPECT_EQ(os().spawns(), before + 1);
}

TEST_F(ActionTest, ARetryWaitsForAChangeThatSettles) {
  Exec("render");
  StartSupervising();
  Change("a");
  Exit(1);
  const int before = os().spawns();
  fake_.wake(Strategy::Wake::kNoticed);
  world_.Advance(absl::Seconds(6));
  EXPECT_EQ(os().spawns(), before);
  Change("b");
  EXPECT_EQ(os().spawns(), before + 1);
  Exit(1);
  // And when nothing came of it, it is tried again all the same.
  fake_.wake(Strategy::Wake::kNoticed);
  world_.Advance(absl::Seconds(6));
  EXPECT_EQ(os().spawns(), before + 1);
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Running(), "render");
  Exit(0);
  ExpectApplied();
}

TEST_F(ActionTest, AStartDoesNotDoWhatIsForOthers) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  Exec("tell-others");
  StartSupervising();
  const pid_t app = os().last();
  Change();
  Exit(1);
  ExpectPending();
  os().Exit(app, {.code = 1});
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "app");
  ExpectPending();
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(Running(), "tell-others");
  Exit(0);
  ExpectApplied();
}

// An age is no change, and the actions are for changes.
TEST_F(ActionTest, AnAgeThatIsPendingWhenTheProcessEndsIsToldToNoOne) {
  options_.after_exit = AfterExit::kWait;
  Exec("tell-others");
  StartSupervising();
  fake_.reason.emplace();
  fake_.reason->cause = Reason::Cause::kAge;
  fake_.reason->text = "age: 1h";
  Exit(0);
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(Running(), "app");
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(ActionTest, WithoutAProcessThereIsAStartFirst) {
  options_.after_exit = AfterExit::kWait;
  Exec("tell-others");
  StartSupervising();
  Exit(0);
  Change();
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(Running(), "tell-others");
  os().Exit(os().last(), {.code = 1});
  world_.Settle();
  ExpectPending();
  // Only it is tried again.
  world_.Advance(absl::Seconds(5));
  EXPECT_EQ(os().spawns(), 4);
  EXPECT_EQ(Running(), "tell-others");
}

TEST_F(ActionTest, ARequestIsMadeByAHelper) {
  Http();
  StartSupervising();
  EXPECT_EQ(Helper(), 0);
  Change();
  ASSERT_NE(Helper(), 0);
  EXPECT_TRUE(os().process(Helper()).request.unprivileged);
  // Not in its argv, which everybody may read.
  EXPECT_THAT(os().process(Helper()).request.argv,
              ElementsAre("reinit: probe"));
  char told[1000];
  const ssize_t got =
      ::read(os().process(Helper()).descriptors[kHelperArgumentsFd].get(), told,
             sizeof(told));
  ASSERT_GT(got, 0);
  const std::vector<std::string> arguments =
      absl::StrSplit(std::string_view(told, static_cast<size_t>(got)), '\0');
  EXPECT_THAT(
      arguments,
      IsSupersetOf({"--requests", "--target=POST http://127.0.0.1:9/-/reload",
                    "--expect=200-299", "--timeout=30s"}));
  const ProbeRequest asked = Asked();
  EXPECT_EQ(asked.id, 1U);
  Reply(asked.id, true);
  ExpectApplied();
}

TEST_F(ActionTest, ARequestThatFailsIsTriedAgain) {
  Http();
  StartSupervising();
  Change();
  Reply(Asked().id, false);
  ExpectPending();
  EXPECT_EQ(Asked().id, 0U);
  world_.Advance(absl::Seconds(5));
  const uint64_t second = Asked().id;
  EXPECT_EQ(second, 2U);
  Reply(1, true);  // late, of the first
  EXPECT_EQ(Change1(), ChangeState::kApplying);
  Reply(second, true);
  ExpectApplied();
}

TEST_F(ActionTest, AHelperThatDiesIsAskedAgain) {
  Http();
  StartSupervising();
  Change();
  os().Exit(Helper(), {.signal = SIGKILL});
  world_.Advance(absl::Seconds(1));
  const ProbeRequest asked = Asked();
  EXPECT_NE(asked.id, 0U);
  Reply(asked.id, true);
  ExpectApplied();
}

TEST_F(ActionTest, AHelperThatHangsIsReplaced) {
  Http();
  StartSupervising();
  Change();
  const pid_t hung = Helper();
  world_.Advance(absl::Seconds(62));
  EXPECT_FALSE(os().Alive(hung));
  ExpectPending();
  world_.Advance(absl::Seconds(5));
  Reply(Asked().id, true);
  ExpectApplied();
}

TEST_F(ActionTest, AHelperThatTalksNonsenseIsReplaced) {
  Http();
  StartSupervising();
  Change();
  const pid_t bad = Helper();
  char junk[sizeof(ProbeReply)] = {};
  ASSERT_EQ(::send(HelperFd(), junk, sizeof(junk), MSG_NOSIGNAL),
            static_cast<ssize_t>(sizeof(junk)));
  world_.Settle();
  EXPECT_FALSE(os().Alive(bad));
  world_.Advance(absl::Seconds(1));
  Reply(Asked().id, true);
  ExpectApplied();
}

TEST_F(ActionTest, ARestartAndThenARequest) {
  Add(ChangeAction::Kind::kRestart);
  Http();
  StartSupervising();
  Change();
  EXPECT_EQ(supervisor_->StateName(), "ready");
  EXPECT_EQ(Change1(), ChangeState::kApplying);
  const int spawns = os().spawns();
  Reply(Asked().id, false);
  ExpectPending();
  world_.Advance(absl::Seconds(5));
  Reply(Asked().id, true);
  ExpectApplied();
  EXPECT_EQ(os().spawns(), spawns) << "not restarted again";
}

TEST_F(ActionTest, DownDropsWhatIsUnderWay) {
  Exec("render");
  StartSupervising();
  Change();
  const pid_t hook = os().last();
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(5));
  ExpectEnded(143);
  EXPECT_FALSE(os().Alive(hook));
}

TEST_F(ActionTest, DownDropsARequest) {
  Http();
  StartSupervising();
  Change();
  Signal(SIGTERM);
  world_.Advance(absl::Seconds(5));
  ExpectEnded(143);
}

}  // namespace
}  // namespace reinit
