#include "supervisor/control/control_commands.h"

#include <signal.h>

#include <random>

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

}  // namespace
}  // namespace reinit
