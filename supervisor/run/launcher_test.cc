#include "supervisor/run/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

// Adds something to each start.
class AddingStrategy : public Strategy {
 public:
  std::string_view name() const override { return "adding"; }
  void Start(WakeFn) override {}
  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::nullopt;
  }
  void Prepare(LaunchExtras* launch) override {
    launch->environment.emplace_back("ADDED=1");
    launch->descriptors.push_back({STDIN_FILENO, 7});
  }
};

std::vector<std::unique_ptr<Strategy>> OneThatAdds() {
  std::vector<std::unique_ptr<Strategy>> all;
  all.push_back(std::make_unique<AddingStrategy>());
  return all;
}

std::string_view NameOf(Launcher::Event event) {
  switch (event) {
    case Launcher::Event::kForking:
      return "forking";
    case Launcher::Event::kLaunched:
      return "launched";
    case Launcher::Event::kNoProcess:
      return "no process";
    case Launcher::Event::kHookFailed:
      return "hook failed";
    case Launcher::Event::kHookDone:
      return "hook done";
    case Launcher::Event::kDropped:
      return "dropped";
  }
  return "?";
}

class LauncherTest : public ::testing::Test {
 protected:
  LauncherTest() {
    options_.command = {"app"};
    options_.watch.paths = {"."};
  }
  ~LauncherTest() override { ::unlink(path_.c_str()); }

  // Made at the first use, so that a test can set options before.
  Launcher& launcher() {
    if (!launcher_.has_value()) {
      launcher_.emplace(
          world_.context(), &options_,
          Launcher::Parts{&strategies_, nullptr, nullptr},
          std::vector<std::string>{"PATH=/bin", "NOTIFY_SOCKET=/above"},
          [this] { return why_.has_value() ? &*why_ : nullptr; },
          [this](int generation, Instance::Event event) {
            if (event == Instance::Event::kUp) up_.push_back(generation);
          },
          [this](Launcher::Event event) {
            events_.emplace_back(NameOf(event));
            generations_.push_back(launcher_->generation());
            if (event == Launcher::Event::kLaunched) {
              instance_ = launcher_->Take();
            }
          });
    }
    return *launcher_;
  }
  void Begin() {
    launcher().Begin();
    world_.Settle();
  }
  void UseHook() { options_.process.pre_start = {"migrate"}; }
  void EndHook(ExitStatus status) {
    os().Exit(os().last(), status);
    world_.Settle();
  }
  // An --env-file with this in it.
  void UseFile(const std::string& text) {
    const UniqueFd file(
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_EQ(::write(file.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    options_.process.environment_files = {path_};
  }
  std::vector<std::string> Given() {
    return os().process(os().last()).request.environment;
  }
  FakeOs& os() { return world_.os(); }

  const std::string path_ =
      absl::StrCat(::testing::TempDir(), "/launcher-", ::getpid());
  FakeWorld world_;
  Options options_;
  Strategies strategies_{OneThatAdds()};
  std::optional<Reason> why_;
  std::vector<std::string> events_;
  std::vector<int> generations_;  // at each event
  std::vector<int> up_;
  std::unique_ptr<Instance> instance_;
  std::optional<Launcher> launcher_;
};

// Its stdin is not ours, and what is typed reaches reinit alone.
TEST_F(LauncherTest, AProcessInTheBackgroundHasNoTerminal) {
  const UniqueFd stdin_before(::dup(STDIN_FILENO));
  const UniqueFd person(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(person.valid());
  char name[64];
  ASSERT_EQ(::unlockpt(person.get()), 0);
  ASSERT_EQ(::ptsname_r(person.get(), name, sizeof(name)), 0);
  const UniqueFd terminal(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::dup2(terminal.get(), STDIN_FILENO), STDIN_FILENO);
  for (const bool background : {false, true}) {
    options_.process.background = background;
    launcher_.reset();
    Begin();
    const SpawnRequest& request = os().process(os().last()).request;
    EXPECT_EQ(request.null_stdin, background);
    EXPECT_EQ(request.own_group, background);
    EXPECT_EQ(launcher().on_terminal(), !background);
  }
  ::dup2(stdin_before.get(), STDIN_FILENO);
}

// The rows of the table.

TEST_F(LauncherTest, IdleThenBeginForksAtOnceWithNothingToPrepare) {
  EXPECT_FALSE(launcher().busy());
  EXPECT_EQ(launcher().generation(), 0);
  launcher().Begin();
  EXPECT_THAT(events_, ElementsAre("forking", "launched"));
  EXPECT_THAT(generations_, ElementsAre(1, 1));
  EXPECT_FALSE(launcher().busy());
  EXPECT_EQ(launcher().began(), world_.now());
  ASSERT_NE(instance_, nullptr);
  EXPECT_EQ(instance_->generation(), 1);
  EXPECT_EQ(instance_->mark(), launcher().mark());
  EXPECT_EQ(launcher().Take(), nullptr);
  world_.Settle();
  EXPECT_THAT(up_, ElementsAre(1));
}

TEST_F(LauncherTest, IdleThenBeginWithFilesIsReadingAndThenForks) {
  UseFile("COLOR=blue\n");
  launcher().Begin();
  EXPECT_TRUE(launcher().busy());
  EXPECT_FALSE(launcher().hook_runs());
  EXPECT_THAT(events_, IsEmpty());
  world_.Settle();
  EXPECT_THAT(events_, ElementsAre("forking", "launched"));
  EXPECT_FALSE(launcher().busy());
  EXPECT_THAT(Given(), Contains("COLOR=blue"));
}

TEST_F(LauncherTest, ReadingThenReadIsPreStartIfThereIsAHook) {
  UseFile("COLOR=blue\n");
  UseHook();
  Begin();
  EXPECT_TRUE(launcher().busy());
  EXPECT_TRUE(launcher().hook_runs());
  EXPECT_EQ(launcher().hook_started(), world_.now());
  EXPECT_THAT(events_, IsEmpty());
  EXPECT_THAT(os().process(os().last()).request.argv, ElementsAre("migrate"));
  EXPECT_THAT(Given(), IsSupersetOf({std::string("COLOR=blue"),
                                     std::string("REINIT_GENERATION=1"),
                                     launcher().mark()}));
}

TEST_F(LauncherTest, ReadingWithoutAChildToReadIsNoProcess) {
  UseFile("COLOR=blue\n");
  os().set_fork_fails(true);
  Begin();
  EXPECT_THAT(events_, ElementsAre("no process"));
  EXPECT_THAT(generations_, ElementsAre(0));
  EXPECT_TRUE(absl::IsUnavailable(launcher().status()));
  EXPECT_FALSE(launcher().busy());
  EXPECT_EQ(os().spawns(), 0);
}

TEST_F(LauncherTest, ReadingWhatCannotBeReadKeepsTheLastEnvironment) {
  UseFile("COLOR=blue\n");
  options_.process.environment = {"SIZE=1"};
  Begin();
  UseFile("half a li");
  Begin();
  EXPECT_THAT(events_,
              ElementsAre("forking", "launched", "forking", "launched"));
  EXPECT_THAT(Given(),
              IsSupersetOf({"COLOR=blue", "SIZE=1", "REINIT_GENERATION=2"}));
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr(":1: not KEY=value: keeping the environment "
                                 "as it was")));
}

// A process without its settings may do harm.
TEST_F(LauncherTest, ReadingWhatCouldNeverBeReadStartsNothing) {
  UseFile("half a li");
  options_.process.environment = {"SIZE=1"};
  Begin();
  EXPECT_THAT(events_, ElementsAre("no process"));
}

TEST_F(LauncherTest, ReadingThenEndIsIdleAndNothingIsTold) {
  UseFile("COLOR=blue\n");
  UseHook();
  os().set_hold_forks(true);
  Begin();
  EXPECT_TRUE(launcher().busy());
  launcher().End();
  EXPECT_FALSE(launcher().busy());
  world_.Advance(absl::Hours(1));
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(LauncherTest, PreStartThatSucceedsForks) {
  UseHook();
  Begin();
  EXPECT_THAT(events_, IsEmpty());
  EndHook({});
  EXPECT_THAT(events_, ElementsAre("forking", "launched"));
  EXPECT_FALSE(launcher().busy());
  EXPECT_THAT(os().process(os().last()).request.argv, ElementsAre("app"));
}

TEST_F(LauncherTest, PreStartThatFailsIsToldAndTheStartIsNone) {
  UseHook();
  Begin();
  EndHook({.code = 3});
  EXPECT_THAT(events_, ElementsAre("hook failed", "hook done"));
  EXPECT_THAT(generations_, ElementsAre(0, 0));
  EXPECT_EQ(launcher().hook().status.code, 3);
  EXPECT_FALSE(launcher().busy());
}

TEST_F(LauncherTest, PreStartThatHangsFailsAfterItsTime) {
  UseHook();
  Begin();
  world_.Advance(absl::Minutes(5) - absl::Milliseconds(1));
  EXPECT_THAT(events_, IsEmpty());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(events_, ElementsAre("hook failed", "hook done"));
  EXPECT_EQ(launcher().hook().what, Job::Result::What::kTimedOut);
  EXPECT_FALSE(os().Alive(os().last()));
}

TEST_F(LauncherTest, PreStartThatCannotBeForkedIsNoProcess) {
  UseHook();
  os().set_spawn_errors(1);
  Begin();
  EXPECT_THAT(events_, ElementsAre("no process", "hook done"));
  EXPECT_THAT(generations_, ElementsAre(0, 0));
  EXPECT_TRUE(absl::IsUnavailable(launcher().status()));
  EXPECT_FALSE(launcher().busy());
}

TEST_F(LauncherTest, PreStartThatEndsAfterEndIsDroppedHoweverItEnds) {
  UseHook();
  for (const ExitStatus status : {ExitStatus{}, ExitStatus{.code = 3}}) {
    Begin();
    launcher().End();
    EXPECT_TRUE(launcher().hook_runs());
    EndHook(status);
    EXPECT_THAT(events_, ElementsAre("dropped"));
    EXPECT_FALSE(launcher().busy());
    events_.clear();
  }
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(LauncherTest, AForkThatFailsIsNoProcess) {
  os().set_spawn_errors(1, EPERM);
  Begin();
  EXPECT_THAT(events_, ElementsAre("forking", "no process"));
  EXPECT_THAT(generations_, ElementsAre(1, 0));
  EXPECT_TRUE(absl::IsPermissionDenied(launcher().status()));
  EXPECT_EQ(launcher().Take(), nullptr);
}

// While nothing can be forked.

TEST_F(LauncherTest, TheDelayGrowsUntilAProcessCouldBeForked) {
  EXPECT_EQ(launcher().RetryDelay(0.5), absl::Milliseconds(100));
  EXPECT_EQ(launcher().RetryDelay(0.5), absl::Milliseconds(200));
  os().set_spawn_errors(1);
  Begin();
  EXPECT_EQ(launcher().RetryDelay(0.5), absl::Milliseconds(400));
  Begin();
  EXPECT_EQ(launcher().RetryDelay(0.5), absl::Milliseconds(100));
}

// A hook that is not wanted any more.

TEST_F(LauncherTest, StopHookSendsTheSignalAndBoundsItsTime) {
  options_.stop.shutdown_timeout = absl::Seconds(3);
  launcher().StopHook(SIGINT);
  UseHook();
  Begin();
  const pid_t hook = os().last();
  os().process(hook).deaf = true;
  launcher().StopHook(SIGINT);
  EXPECT_THAT(os().process(hook).received, ElementsAre(SIGINT));
  world_.Advance(absl::Seconds(3) - absl::Milliseconds(1));
  EXPECT_TRUE(os().Alive(hook));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(os().Alive(hook));
}

// What the process gets.

TEST_F(LauncherTest, ASupervisedProcessIsToldWhyItIsStarted) {
  Begin();
  EXPECT_THAT(Given(), IsSupersetOf({std::string("REINIT_REASON=start"),
                                     std::string("REINIT_GENERATION=1"),
                                     launcher().mark()}));
  const std::string mark = launcher().mark();
  why_.emplace();
  why_->cause = Reason::Cause::kFile;
  why_->text = why_->changed = "a.py";
  Begin();
  EXPECT_THAT(Given(),
              IsSupersetOf({"REINIT_REASON=file: a.py", "REINIT_CHANGED=a.py",
                            "REINIT_GENERATION=2"}));
  EXPECT_NE(launcher().mark(), mark);
}

TEST_F(LauncherTest, TheProcessOfAPlainInitIsToldNothing) {
  options_.watch.paths.clear();
  Begin();
  EXPECT_THAT(Given(), Not(Contains(StartsWith("REINIT_"))));
  EXPECT_THAT(Given(), Contains("PATH=/bin"));
}

TEST_F(LauncherTest, AnActionIsToldItsReason) {
  Begin();
  Reason reason;
  reason.cause = Reason::Cause::kControl;
  reason.text = "asked";
  EXPECT_THAT(
      launcher().ActionEnvironment(reason),
      IsSupersetOf({std::string("REINIT_REASON=control: asked"),
                    std::string("REINIT_GENERATION=1"), launcher().mark()}));
}

TEST_F(LauncherTest, StrategiesAddToTheProcessAndNotToItsHooks) {
  UseHook();
  Begin();
  EXPECT_THAT(Given(), Not(Contains("ADDED=1")));
  EndHook({});
  EXPECT_THAT(Given(), Contains("ADDED=1"));
  EXPECT_EQ(os().process(os().last()).descriptors.count(7), 1U);
}

TEST_F(LauncherTest, TheTerminalIsClearedOnlyIfThatIsWanted) {
  Begin();
  EXPECT_EQ(world_.log().cleared(), 0);
  options_.clear = true;
  Begin();
  EXPECT_EQ(world_.log().cleared(), 1);
}

TEST_F(LauncherTest, OrphansAreOursUnlessTheUserSaysNo) {
  EXPECT_TRUE(launcher().Adopts());
  options_.subreaper = Subreaper::kNo;
  EXPECT_FALSE(launcher().Adopts());
}

// Without a command.

TEST_F(LauncherTest, ASidecarHasAMarkAndWaitsForItsEnvironment) {
  options_.command.clear();
  UseFile("COLOR=blue\n");
  launcher().MarkSidecar();
  EXPECT_THAT(launcher().mark(), StartsWith("REINIT_INSTANCE="));
  os().set_fork_fails(true);
  bool called = false;
  launcher().ReadEnvironment([&called] { called = true; });
  world_.Settle();
  EXPECT_FALSE(called);
  EXPECT_TRUE(launcher().busy());
  EXPECT_THAT(world_.log().lines(),
              Contains(StartsWith("nothing can be run yet (")));
  os().set_fork_fails(false);
  world_.Advance(absl::Seconds(1));
  EXPECT_TRUE(called);
  EXPECT_THAT(events_, IsEmpty());
}

}  // namespace
}  // namespace reinit
