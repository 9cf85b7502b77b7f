// What the process says of itself, and what is said of it to a service manager
// above: errors, budgets, watchdog, strangers.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "supervisor/notify/ready_report.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SaidTest : public SupervisorTest {
 protected:
  void Say(const std::string& text) {
    supervisor_->OnNotify(os().last(), ParseNotifyMessage(text));
    world_.Settle();
  }
  int Logged(const std::string& part) {
    int count = 0;
    for (const std::string& line : world_.log().lines()) {
      count += absl::StrContains(line, part) ? 1 : 0;
    }
    return count;
  }
};

TEST_F(SaidTest, AnErrorIsToldWithTheEnd) {
  StartSupervising();
  Say("ERRNO=2");
  EXPECT_EQ(Logged("says: error 2 (No such file or directory)"), 1);
  Say("ERRNO=4095\nEXIT_STATUS=9");
  Exit(1);
  ExpectEnded(1);
  EXPECT_EQ(Logged("exit code 1, after it had said: error 4095 (no known one), "
                   "exit status 9"),
            1);
}

TEST_F(SaidTest, AnErrorIsOfOneProcess) {
  StartSupervising();
  Say("EXIT_STATUS=3");
  Change();
  Exit(1);
  ExpectEnded(1);
  EXPECT_EQ(Logged("after it had said"), 0);
}

TEST_F(SaidTest, RestartResetForgetsDelayAndBudget) {
  options_.restart.policy = RestartOptions::Policy::kAlways;
  options_.restart.limit_burst = 3;
  StartSupervising();
  for (int i = 0; i < 20; ++i) {
    Say("RESTART_RESET=1");
    const absl::Time ended = world_.now();
    Exit(1);
    ASSERT_FALSE(supervisor_->ended());
    while (!os().Alive(os().last())) world_.Advance(absl::Milliseconds(10));
    EXPECT_LE(world_.now() - ended, 2 * options_.restart.delay);
  }
  // The twin: without a word it gives up.
  for (int i = 0; i < 3; ++i) {
    Exit(1);
    world_.Advance(absl::Seconds(30));
  }
  Exit(1);
  ExpectEnded(1);
}

// One look at /proc for many words.
TEST_F(SaidTest, AStrangerIsLookedUpOnceASecond) {
  StartSupervising();
  const pid_t stranger = os().AddChildOf(7);
  for (int i = 0; i < 100; ++i) {
    supervisor_->OnNotify(stranger, ParseNotifyMessage("WATCHDOG=1"));
  }
  world_.Settle();
  EXPECT_EQ(Logged("ignored"), 1);
  world_.Advance(absl::Seconds(1));
  supervisor_->OnNotify(stranger, ParseNotifyMessage("WATCHDOG=1"));
  world_.Settle();
  EXPECT_EQ(Logged("ignored"), 2);
  os().Exit(stranger, {.code = 0});
  Exit(0);
}

// A setuid program below a reinit that is not root.
TEST_F(SaidTest, AKillThatIsNotPermittedIsNamed) {
  StartSupervising();
  const pid_t pid = os().last();
  os().process(pid).forbidden = true;
  Change();
  world_.Advance(options_.stop.timeout + absl::Hours(1));
  EXPECT_EQ(Logged("did not get SIGKILL (Operation not permitted)"), 1);
  EXPECT_EQ(Logged("survives SIGKILL"), 0);
  os().Exit(pid, {.code = 0});
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
}

TEST_F(SaidTest, WhatSurvivesAKillIsNamed) {
  StartSupervising();
  const pid_t pid = os().last();
  os().process(pid).deaf = os().process(pid).unkillable = true;
  os().process(pid).state = 'D';
  Change();
  world_.Advance(options_.stop.timeout);
  EXPECT_EQ(Logged("SIGKILL"), 1);
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(Logged("survives SIGKILL in state D"), 1);
  // Whatever comes meanwhile still reaches it.
  Signal(SIGUSR1);
  EXPECT_EQ(Received(pid).back(), SIGUSR1);
  os().Exit(pid, {.signal = SIGKILL});
  world_.Settle();
  EXPECT_EQ(os().spawns(), 2);
  Exit(0);
}

class UpwardsTest : public SaidTest {
 protected:
  UpwardsTest() {
    above_.reset(
        ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    name_ = absl::StrCat("@said-", ::getpid());
    std::memcpy(address.sun_path + 1, name_.data() + 1, name_.size() - 1);
    EXPECT_EQ(::bind(above_.get(), reinterpret_cast<sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                            name_.size())),
              0);
  }
  std::vector<std::string> Heard() {
    std::vector<std::string> heard;
    char text[4096];
    ssize_t got;
    while ((got = ::recv(above_.get(), text, sizeof(text), 0)) > 0) {
      heard.emplace_back(text, static_cast<size_t>(got));
    }
    return heard;
  }

  UniqueFd above_;
  std::string name_;
};

TEST_F(UpwardsTest, AWatchdogAboveIsAnsweredAllTheTime) {
  ReadyReport report(world_.context(), "", Upwards{name_, absl::Seconds(10)});
  EXPECT_THAT(Heard(), ElementsAre("WATCHDOG=1"));
  world_.Advance(absl::Seconds(4));
  EXPECT_THAT(Heard(), IsEmpty());
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(Heard(), ElementsAre("WATCHDOG=1"));
  report.Stopping();
  Heard();
  world_.Advance(absl::Seconds(5));
  EXPECT_THAT(Heard(), ElementsAre("WATCHDOG=1"));
}

TEST_F(UpwardsTest, WithoutOneNobodyIsWoken) {
  ReadyReport report(world_.context(), "", Upwards{name_});
  world_.Advance(absl::Hours(1));
  EXPECT_THAT(Heard(), IsEmpty());
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

TEST(TakeUpwardsTest, TakesWhatIsMeantForUs) {
  const auto take = [](std::vector<std::string> environment) {
    const Upwards upwards = TakeUpwards(&environment, 7);
    EXPECT_THAT(environment, ElementsAre("A=b"));
    EXPECT_EQ(upwards.socket, "/s");
    return upwards.watchdog;
  };
  const auto never = absl::InfiniteDuration();
  const std::string socket = "NOTIFY_SOCKET=/s";
  EXPECT_EQ(take({socket, "A=b"}), never);
  EXPECT_EQ(take({socket, "A=b", "WATCHDOG_USEC=5000000", "FDSTORE=1"}),
            absl::Seconds(5));
  EXPECT_EQ(take({"WATCHDOG_PID=7", socket, "WATCHDOG_USEC=1000", "A=b"}),
            absl::Milliseconds(1));
  EXPECT_EQ(take({"WATCHDOG_PID=8", socket, "WATCHDOG_USEC=1000", "A=b"}),
            never);
  EXPECT_EQ(take({socket, "WATCHDOG_USEC=0", "A=b"}), never);
  EXPECT_EQ(take({socket, "WATCHDOG_USEC=x", "A=b"}), never);
}

}  // namespace
}  // namespace reinit
