#include "supervisor/strategy/exit_strategy.h"

#include <signal.h>

#include "gtest/gtest.h"

namespace reinit {
namespace {

RestartOptions With(RestartOptions::Policy policy) {
  RestartOptions options;
  options.policy = policy;
  return options;
}

TEST(ExitStrategyTest, RestartsByPolicy) {
  using Policy = RestartOptions::Policy;
  struct Row {
    ExitStatus status;
    bool no, on_failure, on_abnormal, always;
  };
  const Row rows[] = {
      {{.code = 0}, false, false, false, true},
      {{.code = 1}, false, true, false, true},
      {{.code = 255}, false, true, false, true},
      {{.signal = SIGKILL}, false, true, true, true},
      {{.signal = SIGTERM}, false, true, true, true},  // not sent by us
      {{.signal = SIGSEGV, .core_dumped = true}, false, true, true, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.status.ToString());
    EXPECT_EQ(RestartsAfter(With(Policy::kNo), row.status, {}), row.no);
    EXPECT_EQ(RestartsAfter(With(Policy::kOnFailure), row.status, {}),
              row.on_failure);
    EXPECT_EQ(RestartsAfter(With(Policy::kOnAbnormal), row.status, {}),
              row.on_abnormal);
    EXPECT_EQ(RestartsAfter(With(Policy::kAlways), row.status, {}), row.always);
  }
}

TEST(ExitStrategyTest, WhatCountsAsSuccessIsNoFailure) {
  const ExitCodes success = *ExitCodes::Parse("3,TERM");
  using Policy = RestartOptions::Policy;
  EXPECT_FALSE(RestartsAfter(With(Policy::kOnFailure), {.code = 3}, success));
  EXPECT_FALSE(
      RestartsAfter(With(Policy::kOnFailure), {.signal = 15}, success));
  EXPECT_TRUE(RestartsAfter(With(Policy::kOnFailure), {.code = 15}, success));
  EXPECT_TRUE(RestartsAfter(With(Policy::kAlways), {.code = 3}, success));
}

TEST(ExitStrategyTest, ListsComeBeforeThePolicyAndPreventBeforeForce) {
  RestartOptions options;
  options.prevent = *ExitCodes::Parse("2,3,KILL");
  options.force = *ExitCodes::Parse("0,3");
  EXPECT_TRUE(RestartsAfter(options, {.code = 0}, {}));
  EXPECT_FALSE(RestartsAfter(options, {.code = 3}, {}));
  EXPECT_FALSE(RestartsAfter(options, {.code = 1}, {}));
  options.policy = RestartOptions::Policy::kAlways;
  EXPECT_TRUE(RestartsAfter(options, {.code = 1}, {}));
  EXPECT_FALSE(RestartsAfter(options, {.code = 2}, {}));
  EXPECT_FALSE(RestartsAfter(options, {.signal = SIGKILL}, {}));
}

TEST(ExitStrategyTest, SaysHowItEnded) {
  Options options;
  options.restart.policy = RestartOptions::Policy::kOnFailure;
  const auto strategy = MakeExitStrategy(&options);
  InstanceView view;
  EXPECT_FALSE(strategy->ShouldRestart(view).has_value());
  view.ended = ExitStatus{.code = 7};
  const auto reason = strategy->ShouldRestart(view);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->text, "exit code 7");
  EXPECT_TRUE(reason->IsFailure());
}

}  // namespace
}  // namespace reinit
