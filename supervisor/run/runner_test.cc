#include "supervisor/run/runner.h"

#include <signal.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "reaper/self/terminal.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

double Half() { return 0.5; }

// A Runner with parts of its own, as the Supervisor puts one together.
class Slot {
 public:
  Slot(FakeWorld* world, const std::string& name)
      : world_(world),
        options_(OptionsFor(name)),
        strategies_(FakeStrategies(&fake_)),
        pair_(world->context()),
        signals_(world->context(), &pair_, /*background=*/false),
        post_stop_(world->context(), &options_,
                   [this](int generation) {
                     return runner_.launcher().Environment(generation);
                   }),
        changes_(world->context(), &options_, &outcomes_, &random_,
                 ChangeHooks()),
        runner_(
            world->context(), &options_,
            {&strategies_, &changes_, &outcomes_, &pair_, &signals_,
             &post_stop_, &terminal_, /*notify=*/nullptr, /*sockets=*/nullptr},
            {"NAME=" + name}, &random_, RunnerHooks()) {
    strategies_.Start([](Strategy::Wake) {});
  }

  Runner& runner() { return runner_; }
  Options& options() { return options_; }
  FakeStrategy::Strings& fake() { return fake_; }
  InstancePair& pair() { return pair_; }
  const std::vector<std::string>& told() const { return told_; }
  pid_t pid() const { return pair_.last_pid(); }
  bool Runs() { return pid() != 0 && world_->os().Alive(pid()); }
  // Everything that this slot was told since the last call.
  std::vector<std::string> TakeTold() { return std::exchange(told_, {}); }

 private:
  static Options OptionsFor(const std::string& name) {
    Options options;
    options.command = {name};
    options.watch.paths = {"."};
    options.restart.policy = RestartOptions::Policy::kOnFailure;
    return options;
  }
  static std::vector<std::unique_ptr<Strategy>> FakeStrategies(
      FakeStrategy::Strings* strings) {
    std::vector<std::unique_ptr<Strategy>> all;
    all.push_back(std::make_unique<FakeStrategy>(strings));
    return all;
  }

  Changes::Hooks ChangeHooks() {
    Changes::Hooks hooks;
    hooks.actions.restart = [this](const Reason& reason, Action::OnDone done) {
      runner_.Restart(reason, std::move(done));
    };
    hooks.situation = [this] {
      return Changes::Situation{.can_act = runner_.CanAct(),
                                .may_supersede = runner_.MaySupersede(),
                                .has_process = pair_.current() != nullptr};
    };
    hooks.environment = [] { return std::vector<std::string>(); };
    hooks.drop_waiter = [this] { runner_.DropWaiter(); };
    hooks.again = [] {};
    return hooks;
  }

  Runner::Hooks RunnerHooks() {
    Runner::Hooks hooks;
    hooks.should_restart = [this](const std::optional<ExitStatus>& ended) {
      std::optional<Reason> reason;
      if (ended.has_value() && ended->code != 0) {
        reason.emplace();
        reason->text = ended->ToString();
      }
      return reason;
    };
    hooks.moved = [this] { strategies_.OnInstance(runner_.ViewNow()); };
    hooks.again = [] {};
    hooks.exited = [this](const ExitStatus& status) {
      told_.push_back("exited " + status.ToString());
    };
    hooks.why = [this](const std::string& why) { told_.push_back(why); };
    hooks.end = [this](int code) {
      told_.push_back("end " + std::to_string(code));
      runner_.BeginEnd();
    };
    hooks.empty = [this] {
      if (runner_.Done()) told_.push_back("empty");
    };
    return hooks;
  }

  FakeWorld* const world_;
  const std::function<double()> random_ = Half;
  Options options_;
  FakeStrategy::Strings fake_;
  Strategies strategies_;
  Outcomes outcomes_;
  InstancePair pair_;
  ProcessSignals signals_;
  PostStop post_stop_;
  const TerminalModes terminal_;
  Changes changes_;
  Runner runner_;
  std::vector<std::string> told_;
};

class RunnerTest : public ::testing::Test {
 protected:
  RunnerTest() {
    world_.children().set_on_reaped([this] {
      one_.pair().OnReaped();
      two_.pair().OnReaped();
    });
  }
  ~RunnerTest() override { world_.children().set_on_reaped(nullptr); }

  void StartBoth() {
    one_.runner().Start();
    two_.runner().Start();
    world_.Settle();
    ASSERT_TRUE(one_.Runs());
    ASSERT_TRUE(two_.Runs());
    ASSERT_NE(one_.pid(), two_.pid());
  }
  void Exit(pid_t pid, ExitStatus status) {
    world_.os().Exit(pid, status);
    world_.Settle();
  }
  std::vector<std::string> EnvironmentOf(pid_t pid) {
    return world_.os().process(pid).request.environment;
  }
  static Reason Failure(const std::string& text) {
    Reason reason;
    reason.text = text;
    return reason;
  }
  static Status Describe(Runner& runner, absl::Time now) {
    Status status;
    runner.Describe(now, &status);
    return status;
  }

  FakeWorld world_;
  Slot one_{&world_, "one"};
  Slot two_{&world_, "two"};
};

TEST_F(RunnerTest, EachHasItsOwnProcessMarkAndEnvironment) {
  StartBoth();
  EXPECT_EQ(EnvironmentOf(one_.pid())[0], "NAME=one");
  EXPECT_EQ(EnvironmentOf(two_.pid())[0], "NAME=two");
  EXPECT_NE(one_.runner().launcher().mark(), two_.runner().launcher().mark());
  EXPECT_EQ(one_.runner().ViewNow().pid, one_.pid());
  EXPECT_EQ(two_.runner().ViewNow().pid, two_.pid());
}

TEST_F(RunnerTest, ARestartOfOneLeavesTheOtherAlone) {
  StartBoth();
  const pid_t two = two_.pid();
  const size_t views = two_.fake().views.size();
  one_.runner().Restart(Failure("sick"), nullptr);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(one_.Runs());
  EXPECT_EQ(one_.runner().ViewNow().generation, 2);
  EXPECT_EQ(two_.pid(), two);
  EXPECT_EQ(two_.runner().ViewNow().generation, 1);
  EXPECT_EQ(two_.fake().views.size(), views);
  EXPECT_TRUE(world_.os().process(two).received.empty());
}

TEST_F(RunnerTest, OneThatCrashesIsRestartedByItself) {
  StartBoth();
  const pid_t two = two_.pid();
  Exit(one_.pid(), {.code = 3});
  EXPECT_EQ(one_.runner().StateName(), "backoff");
  EXPECT_EQ(two_.runner().StateName(), "ready");
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(one_.Runs());
  EXPECT_EQ(two_.pid(), two);
  EXPECT_EQ(one_.TakeTold(), std::vector<std::string>{"exited exit code 3"});
  EXPECT_TRUE(two_.TakeTold().empty());
  EXPECT_EQ(Describe(one_.runner(), world_.now()).limit.used, 1);
  EXPECT_EQ(Describe(two_.runner(), world_.now()).limit.used, 0);
}

TEST_F(RunnerTest, EachHasItsOwnReadiness) {
  one_.fake().ready = false;
  StartBoth();
  EXPECT_EQ(one_.runner().StateName(), "up");
  EXPECT_EQ(two_.runner().StateName(), "ready");
  one_.fake().ready = true;
  one_.runner().MarkReadyIfSo(LogLevel::kInfo);
  EXPECT_EQ(one_.runner().StateName(), "ready");
}

TEST_F(RunnerTest, StartFirstOverlapsInOneSlotAlone) {
  one_.options().restart.order = RestartOptions::Order::kStartFirst;
  StartBoth();
  const pid_t old = one_.pid();
  one_.fake().ready = false;
  one_.runner().Restart(Failure("sick"), nullptr);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(one_.pair().Overlapping());
  EXPECT_FALSE(two_.pair().Overlapping());
  EXPECT_EQ(one_.pair().Serving()->pid(), old);
  EXPECT_EQ(world_.os().processes().size(), 3u);
}

TEST_F(RunnerTest, OneEndsWhileTheOtherStays) {
  StartBoth();
  Exit(one_.pid(), {.code = 0});
  EXPECT_EQ(one_.TakeTold(),
            (std::vector<std::string>{"exited exit code 0", "end 0", "empty"}));
  EXPECT_TRUE(one_.runner().Done());
  EXPECT_FALSE(two_.runner().Done());
  EXPECT_TRUE(two_.Runs());
}

TEST_F(RunnerTest, ARestartThatIsAskedForEarlyComesLater) {
  StartBoth();
  one_.runner().AskRestart(Failure("ctl restart"));
  EXPECT_EQ(one_.runner().StateName(), "restarting");
  EXPECT_FALSE(one_.runner().RestartIfAsked()) << "the first was possible";
  world_.Advance(absl::Seconds(1));
  EXPECT_EQ(one_.runner().ViewNow().generation, 2);
}

TEST_F(RunnerTest, AMessageIsOfTheProcessThatSentIt) {
  StartBoth();
  using Sender = Runner::Sender;
  std::vector<ProcessInfo> unknown;
  EXPECT_EQ(one_.runner().SenderOf(one_.pid(), &unknown), Sender::kCurrent);
  EXPECT_EQ(one_.runner().SenderOf(two_.pid(), &unknown), Sender::kStranger);
  EXPECT_EQ(two_.runner().SenderOf(two_.pid(), &unknown), Sender::kCurrent);
  NotifyMessage stopping;
  stopping.stopping = true;
  one_.runner().OnNotify(Sender::kCurrent, stopping);
  EXPECT_TRUE(one_.runner().says_it_stops());
  EXPECT_FALSE(two_.runner().says_it_stops());
}

TEST_F(RunnerTest, AfterTheEndBeganNothingIsStarted) {
  StartBoth();
  one_.runner().BeginEnd();
  EXPECT_FALSE(one_.runner().CanAct());
  one_.runner().StopProcesses();
  world_.Advance(absl::Seconds(60));
  EXPECT_TRUE(one_.runner().Done());
  EXPECT_TRUE(two_.Runs());
}

}  // namespace
}  // namespace reinit
