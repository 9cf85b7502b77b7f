#include "supervisor/run/post_stop.h"

#include <signal.h>

#include <string>
#include <string_view>
#include <vector>

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

class PostStopTest : public ::testing::Test {
 protected:
  PostStopTest() { options_.process.post_stop = {"tidy", "up"}; }

  void Add(int generation, ExitStatus status = {},
           std::string_view result = "") {
    hook_.Add({status, generation, result});
  }
  void Run(const std::string& name) {
    hook_.Run([this, name] { called_.push_back(name); });
  }
  void EndHook(ExitStatus status = {}) {
    os().Exit(os().last(), status);
    world_.Settle();
  }
  std::vector<std::string> EnvironmentOfHook() {
    return os().process(os().last()).request.environment;
  }
  FakeOs& os() { return world_.os(); }

  FakeWorld world_;
  Options options_;
  std::vector<std::string> called_;
  PostStop hook_{
      world_.context(), &options_, [](int generation) {
        return std::vector<std::string>{absl::StrCat("OF=", generation)};
      }};
};

// The rows of the table.

TEST_F(PostStopTest, IdleThenRunWithNothingAddedCallsAtOnce) {
  Run("a");
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_FALSE(hook_.running());
  EXPECT_EQ(os().spawns(), 0);
}

TEST_F(PostStopTest, IdleThenRunWithoutACommandCallsAtOnce) {
  options_.process.post_stop.clear();
  Add(1);
  Run("a");
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_EQ(os().spawns(), 0);
}

TEST_F(PostStopTest, IdleThenRunIsRunning) {
  Add(1);
  EXPECT_FALSE(hook_.running());
  Run("a");
  EXPECT_TRUE(hook_.running());
  EXPECT_EQ(hook_.started(), world_.now());
  EXPECT_THAT(os().process(os().last()).request.argv,
              ElementsAre("tidy", "up"));
  world_.Settle();
  EXPECT_THAT(called_, IsEmpty());
}

TEST_F(PostStopTest, RunningThenRunCallsTheNewOneOnly) {
  Add(1);
  Run("a");
  Run("b");
  EXPECT_EQ(os().spawns(), 1);
  EXPECT_THAT(called_, IsEmpty());
  EndHook();
  EXPECT_THAT(called_, ElementsAre("b"));
}

TEST_F(PostStopTest, RunningThenEndedWithMoreDueRunsTheNextInOrder) {
  Add(1);
  Add(2);
  Run("a");
  EXPECT_THAT(EnvironmentOfHook(), Contains("OF=1"));
  Add(3);
  EndHook();
  EXPECT_TRUE(hook_.running());
  EXPECT_THAT(EnvironmentOfHook(), Contains("OF=2"));
  EndHook();
  EXPECT_THAT(EnvironmentOfHook(), Contains("OF=3"));
  EXPECT_THAT(called_, IsEmpty());
  EndHook();
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_EQ(os().spawns(), 3);
}

TEST_F(PostStopTest, RunningThenEndedWithNoneDueIsIdle) {
  Add(1);
  Run("a");
  EndHook();
  EXPECT_FALSE(hook_.running());
  EXPECT_THAT(called_, ElementsAre("a"));
  // Each is run once.
  Run("b");
  EXPECT_THAT(called_, ElementsAre("a", "b"));
  EXPECT_EQ(os().spawns(), 1);
}

// What is called may run the next one.
TEST_F(PostStopTest, WhatIsCalledMayBeginAgain) {
  Add(1);
  hook_.Run([this] {
    Add(2);
    Run("b");
  });
  EndHook();
  EXPECT_TRUE(hook_.running());
  EndHook();
  EXPECT_THAT(called_, ElementsAre("b"));
}

// Hooks that do not succeed.

TEST_F(PostStopTest, AHookThatFailsIsReportedAndAllGoesOn) {
  Add(1);
  Add(2);
  Run("a");
  EndHook({.code = 3});
  EXPECT_THAT(world_.log().lines(), ElementsAre("--post-stop: exit code 3"));
  EndHook();
  EXPECT_THAT(called_, ElementsAre("a"));
}

TEST_F(PostStopTest, AHookThatCannotBeForkedIsReportedAndAllGoesOn) {
  Add(1);
  Add(2);
  os().set_spawn_errors(2);
  Run("a");
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_FALSE(hook_.running());
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(HasSubstr("--post-stop: fork"),
                          HasSubstr("--post-stop: fork")));
}

TEST_F(PostStopTest, AHookThatHangsIsKilledAfterItsTime) {
  Add(1);
  Run("a");
  world_.Advance(absl::Seconds(5) - absl::Milliseconds(1));
  EXPECT_TRUE(hook_.running());
  world_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(os().Alive(os().last()));
  EXPECT_THAT(called_, ElementsAre("a"));
  EXPECT_THAT(world_.log().lines(),
              ElementsAre("--post-stop: no result within 5s"));
}

TEST_F(PostStopTest, KillNowEndsTheOneThatRunsAndNoOther) {
  hook_.KillNow();
  Add(1);
  Add(2);
  Run("a");
  const pid_t first = os().last();
  hook_.KillNow();
  world_.Settle();
  EXPECT_FALSE(os().Alive(first));
  EXPECT_TRUE(hook_.running());
  EndHook();
  EXPECT_THAT(called_, ElementsAre("a"));
}

// What a hook is told.

TEST_F(PostStopTest, TheEndIsToldInSystemdsWords) {
  struct Case {
    ExitStatus status;
    std::string_view result;
    const char* code;
    const char* exit_status;
    const char* service_result;
  };
  const Case cases[] = {
      {{.code = 0}, "", "exited", "0", "success"},
      {{.code = 3}, "", "exited", "3", "exit-code"},
      {{.signal = SIGHUP}, "", "killed", "HUP", "success"},
      {{.signal = SIGINT}, "", "killed", "INT", "success"},
      {{.signal = SIGTERM}, "", "killed", "TERM", "success"},
      {{.signal = SIGPIPE}, "", "killed", "PIPE", "success"},
      {{.signal = SIGUSR1}, "", "killed", "USR1", "signal"},
      {{.signal = SIGKILL}, "", "killed", "KILL", "signal"},
      {{.signal = SIGSEGV, .core_dumped = true},
       "",
       "dumped",
       "SEGV",
       "core-dump"},
      {{.signal = SIGKILL}, "oom-kill", "killed", "KILL", "oom-kill"},
      {{.code = 0}, "watchdog", "exited", "0", "watchdog"},
  };
  for (const Case& one : cases) {
    Add(1, one.status, one.result);
    Run("a");
    EXPECT_THAT(
        EnvironmentOfHook(),
        IsSupersetOf({absl::StrCat("EXIT_CODE=", one.code),
                      absl::StrCat("EXIT_STATUS=", one.exit_status),
                      absl::StrCat("SERVICE_RESULT=", one.service_result)}));
    EndHook();
  }
}

TEST_F(PostStopTest, WhatTheUserCallsSuccessIsOne) {
  options_.success = *ExitCodes::Parse("3,SIGUSR1");
  for (const ExitStatus status :
       {ExitStatus{.code = 3}, ExitStatus{.signal = SIGUSR1}}) {
    Add(1, status);
    Run("a");
    EXPECT_THAT(EnvironmentOfHook(), Contains("SERVICE_RESULT=success"));
    EndHook();
  }
}

TEST_F(PostStopTest, AResultIsReplacedUntilItsHookRuns) {
  Add(1, {.code = 3});
  Add(2, {.code = 3});
  Run("a");
  hook_.ReplaceResult(1, "start-limit-hit");
  hook_.ReplaceResult(2, "start-limit-hit");
  hook_.ReplaceResult(3, "start-limit-hit");
  EXPECT_THAT(EnvironmentOfHook(), Contains("SERVICE_RESULT=exit-code"));
  EndHook();
  EXPECT_THAT(EnvironmentOfHook(), Contains("SERVICE_RESULT=start-limit-hit"));
}

}  // namespace
}  // namespace reinit
