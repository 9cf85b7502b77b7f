#include "supervisor/control/control_commands.h"

#include <signal.h>

#include <optional>
#include <random>
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
using ::testing::StartsWith;

class CommandsTest : public SupervisorTest {
 protected:
  std::string Ask(std::string_view request) {
    std::string answer = RunControlCommand(supervisor_.get(), request);
    world_.Settle();
    return answer;
  }
};

TEST_F(CommandsTest, StatusIsTextOrJson) {
  StartSupervising();
  EXPECT_THAT(Ask("status"), StartsWith("ok\nstate: ready, generation 1\n"));
  EXPECT_THAT(Ask("status json"), StartsWith("ok\n{\"state\":\"ready\","));
}

TEST_F(CommandsTest, ProgressTellsReadyAndSettled) {
  fake_.ready = false;
  StartSupervising();
  EXPECT_EQ(Ask("progress"), "ok\nup 0 1");
  fake_.ready = true;
  fake_.wake(Strategy::Wake::kAsk);
  world_.Settle();
  EXPECT_EQ(Ask("progress"), "ok\nready 1 1");
  fake_.wake(Strategy::Wake::kNoticed);
  world_.Settle();
  EXPECT_EQ(Ask("progress"), "ok\nready 1 0");
}

TEST_F(CommandsTest, ProgressTellsWhatDoesNotComeByItself) {
  options_.after_exit = AfterExit::kWait;
  StartSupervising();
  Exit(1);
  EXPECT_EQ(Ask("progress"), "ok\nwaiting 0 never");
  // Somebody has changed something.
  fake_.wake(Strategy::Wake::kNoticed);
  world_.Settle();
  EXPECT_EQ(Ask("progress"), "ok\nwaiting 0 0");
  Change("a.conf");
  EXPECT_EQ(Ask("progress"), "ok\nready 1 1");
}

// Nor does it seem so while a start is on its way.
TEST_F(CommandsTest, ProgressOfAStartThatAwaitsPostStop) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.process.post_stop = {"tidy"};
  StartSupervising();
  Exit(1);
  EXPECT_EQ(Ask("progress"), "ok\nrestarting 0 0");
  Exit(0);
  EXPECT_EQ(Ask("progress"), "ok\nbackoff 0 0");
}

TEST_F(CommandsTest, ProgressTellsWhatWasNotApplied) {
  options_.reload.check = {"check"};
  StartSupervising();
  Change("a.conf");
  Exit(1);
  EXPECT_EQ(Ask("progress"),
            "ok\nready 1 1\na.conf: --reload-check: exit code 1");
  EXPECT_EQ(supervisor_->Describe().changes_failed, 1u);
  Change("a.conf");
  Exit(0);
  EXPECT_EQ(Ask("progress"), "ok\nready 1 1");
}

TEST_F(CommandsTest, EachDoesWhatItSays) {
  StartSupervising();
  EXPECT_EQ(Ask("restart"), "ok\nrestarting");
  EXPECT_EQ(os().spawns(), 2);
  EXPECT_EQ(Ask("reload"), "ok\nreloading");
  EXPECT_EQ(os().spawns(), 3);
  const pid_t pid = os().last();
  os().process(pid).deaf = true;
  EXPECT_EQ(Ask("signal 10"), "ok\nsent SIGUSR1");
  EXPECT_THAT(Received(pid), ElementsAre(SIGUSR1));
  EXPECT_EQ(Ask("stop"), "ok\nstopping");
  EXPECT_THAT(Ask("restart"), StartsWith("error\n"));
  EXPECT_EQ(Ask("stop now"), "ok\nstopping");
  ExpectEnded(128 + SIGKILL);
}

TEST_F(CommandsTest, WhoWaitsIsToldTheOutcome) {
  options_.reload.check = {"check"};
  StartSupervising();
  EXPECT_EQ(Ask("reload wait"), "ok\n1");
  EXPECT_EQ(Ask("outcome 1"), "ok\nwaiting ready");
  Exit(1);
  EXPECT_EQ(Ask("outcome 1"), "error\nctl reload: --reload-check: exit code 1");
  EXPECT_EQ(Ask("restart wait"), "ok\n2");
  EXPECT_EQ(Ask("outcome 2"), "ok\ndone");
  EXPECT_EQ(Ask("outcome 1"), "error\nctl reload: --reload-check: exit code 1");
  EXPECT_THAT(Ask("outcome 3"), StartsWith("error\n"));
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(CommandsTest, ManyWhoDoNotWaitAreInNobodysWay) {
  options_.reload.check = {"check"};
  StartSupervising();
  EXPECT_EQ(Ask("reload wait"), "ok\n1");
  for (int i = 0; i < 1000; ++i) Ask("reload");
  Exit(0);
  EXPECT_EQ(Ask("outcome 1"), "ok\ndone");
}

TEST_F(CommandsTest, WhatIsNoRequestDoesNothing) {
  StartSupervising();
  const pid_t pid = os().last();
  for (const std::string_view request : {"",
                                         "Restart",
                                         "restart ",
                                         "status\n",
                                         "signal",
                                         "signal ",
                                         "signal 0",
                                         "signal -9",
                                         "signal 65",
                                         "signal TERM",
                                         "stop  now",
                                         "outcome",
                                         "outcome ",
                                         "outcome x",
                                         "outcome 0",
                                         "outcome -1",
                                         "outcome 99999999999999999999",
                                         "restart  wait",
                                         "stop wait",
                                         "restart 2",
                                         "restart 2 wait",
                                         "scale 0",
                                         "scale 2",
                                         "scale",
                                         "progress 0",
                                         "signal 99999999999999999999"}) {
    EXPECT_THAT(Ask(request), StartsWith("error\n")) << request;
  }
  std::minstd_rand random(1);
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_THAT(Ask(bytes), StartsWith("error\n"));
  }
  EXPECT_TRUE(os().Alive(pid));
  EXPECT_TRUE(Received(pid).empty());
}

TEST_F(CommandsTest, OneProcessHasNoWorkers) {
  StartSupervising();
  EXPECT_EQ(Ask("restart 1"),
            "error\nthis reinit runs one process; --workers=N runs several");
  EXPECT_EQ(Ask("restart 1 wait"), Ask("restart 1"));
  EXPECT_EQ(Ask("scale 2"), Ask("restart 1"));
  EXPECT_EQ(os().spawns(), 1);
}

// Keeps what it was asked for.
class FakeTarget : public ControlTarget {
 public:
  absl::Status AskRestart(int worker, uint64_t* ticket) override {
    asked_.push_back(absl::StrCat("restart ", worker));
    if (ticket != nullptr) *ticket = 7;
    return answer_;
  }
  absl::Status AskReload(uint64_t* /*ticket*/) override { return answer_; }
  std::optional<absl::Status> Outcome(uint64_t /*ticket*/) const override {
    return std::nullopt;
  }
  void AskStop(bool /*now*/) override {}
  absl::Status AskSignal(int /*signo*/) override { return answer_; }
  absl::Status AskScale(int workers) override {
    asked_.push_back(absl::StrCat("scale ", workers));
    return answer_;
  }
  Status Describe() const override { return status_; }
  std::string StateName() const override { return status_.state; }

  absl::Status answer_;
  Status status_;
  std::vector<std::string> asked_;
};

Status::Worker Worker(int number, std::string state) {
  Status::Worker worker;
  worker.number = number;
  worker.serves = state == "ready";
  worker.state = std::move(state);
  worker.process = Status::Process();
  return worker;
}

TEST(WorkerCommandsTest, EachReachesTheTarget) {
  FakeTarget target;
  EXPECT_EQ(RunControlCommand(&target, "restart"), "ok\nrestarting");
  EXPECT_EQ(RunControlCommand(&target, "restart 2"), "ok\nrestarting");
  EXPECT_EQ(RunControlCommand(&target, "restart 1024 wait"), "ok\n7");
  EXPECT_EQ(RunControlCommand(&target, "restart wait"), "ok\n7");
  EXPECT_EQ(RunControlCommand(&target, "scale 1"), "ok\nscaling");
  EXPECT_EQ(RunControlCommand(&target, "scale 1024"), "ok\nscaling");
  EXPECT_THAT(target.asked_,
              ElementsAre("restart 0", "restart 2", "restart 1024", "restart 0",
                          "scale 1", "scale 1024"));
}

TEST(WorkerCommandsTest, ARefusalIsTold) {
  FakeTarget target;
  target.answer_ = absl::FailedPreconditionError("there is no worker 9");
  for (const std::string_view request :
       {"restart 9", "restart 9 wait", "scale 9"}) {
    EXPECT_EQ(RunControlCommand(&target, request),
              "error\nthere is no worker 9");
  }
}

TEST(WorkerCommandsTest, AWrongNumberReachesNothing) {
  FakeTarget target;
  for (const std::string_view what : {"restart ", "scale ", "progress "}) {
    for (const std::string_view number :
         {"0", "1025", "99999999999999999999"}) {
      EXPECT_EQ(RunControlCommand(&target, absl::StrCat(what, number)),
                "error\nthe number of a worker, or of workers, is from 1 to "
                "1024");
    }
    for (const std::string_view number :
         {"", "-1", "+1", " 1", "1 ", "x", "1x", "0x1", "1.5", "1 now",
          "1  wait", "wait 1", "1,2"}) {
      EXPECT_EQ(RunControlCommand(&target, absl::StrCat(what, number)),
                "error\nunknown request")
          << what << number;
    }
  }
  EXPECT_EQ(RunControlCommand(&target, "scale 2 wait"),
            "error\nunknown request");
  EXPECT_EQ(target.asked_.size(), 0u);
}

// The worker that is not ready is the one that is awaited, too.
TEST(WorkerCommandsTest, ProgressOfScaling) {
  FakeTarget target;
  Status& status = target.status_;
  status.state = "ready";
  status.serves = true;
  status.change = "none";
  status.change_failure = "a.conf: no";
  EXPECT_EQ(RunControlCommand(&target, "progress 2"),
            "ok\nready 0 0\n0 of 0 workers are ready");
  status.workers = {Worker(1, "ready"), Worker(2, "up")};
  EXPECT_EQ(RunControlCommand(&target, "progress 2"),
            "ok\nready 0 1\n1 of 2 workers are ready");
  status.workers[1].process.reset();
  EXPECT_EQ(RunControlCommand(&target, "progress 2"),
            "ok\nready 0 0\n1 of 2 workers are ready");
  status.workers[1] = Worker(2, "ready");
  EXPECT_EQ(RunControlCommand(&target, "progress 2"),
            "ok\nready 1 1\n2 of 2 workers are ready");
  EXPECT_EQ(RunControlCommand(&target, "progress 1"),
            "ok\nready 0 1\n2 of 2 workers are ready");
}

TEST(WorkerCommandsTest, AllWorkersSettle) {
  FakeTarget target;
  Status& status = target.status_;
  status.state = "ready";
  status.serves = true;
  status.change = "none";
  status.workers = {Worker(1, "ready"), Worker(2, "ready")};
  const auto progress = [&] { return RunControlCommand(&target, "progress"); };
  EXPECT_EQ(progress(), "ok\nready 1 1");
  status.workers[1].outdated = true;
  EXPECT_EQ(progress(), "ok\nready 1 0");
  status.workers[1] = Worker(2, "stopping");
  EXPECT_EQ(progress(), "ok\nready 1 0");
  status.workers[1] = Worker(2, "up");
  EXPECT_EQ(progress(), "ok\nready 1 1");
  status.change = "applying";
  EXPECT_EQ(progress(), "ok\nready 1 0");
}

}  // namespace
}  // namespace reinit
