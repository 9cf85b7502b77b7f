#include "supervisor/strategy/exit_strategy.h"

#include <signal.h>

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(ExitStrategyTest, RestartsByPolicy) {
  using Policy = RestartOptions::Policy;
  struct Row {
    ExitStatus status;
    bool no, on_failure, always;
  };
  const Row rows[] = {
      {{.code = 0}, false, false, true},
      {{.code = 1}, false, true, true},
      {{.code = 255}, false, true, true},
      {{.signal = SIGKILL}, false, true, true},
      {{.signal = SIGTERM}, false, true, true},  // not sent by us
      {{.signal = SIGSEGV, .core_dumped = true}, false, true, true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.status.ToString());
    EXPECT_EQ(RestartsAfter(Policy::kNo, row.status, {}), row.no);
    EXPECT_EQ(RestartsAfter(Policy::kOnFailure, row.status, {}),
              row.on_failure);
    EXPECT_EQ(RestartsAfter(Policy::kAlways, row.status, {}), row.always);
  }
}

TEST(ExitStrategyTest, WhatCountsAsSuccessIsNoFailure) {
  const ExitCodes success = *ExitCodes::Parse("3,TERM");
  using Policy = RestartOptions::Policy;
  EXPECT_FALSE(RestartsAfter(Policy::kOnFailure, {.code = 3}, success));
  EXPECT_FALSE(RestartsAfter(Policy::kOnFailure, {.signal = 15}, success));
  EXPECT_TRUE(RestartsAfter(Policy::kOnFailure, {.code = 15}, success));
  EXPECT_TRUE(RestartsAfter(Policy::kAlways, {.code = 3}, success));
}

TEST(ExitStrategyTest, SaysHowItEnded) {
  Options options;
  options.restart.policy = RestartOptions::Policy::kOnFailure;
  const auto strategy = MakeExitStrategy(&options);
  View view;
  EXPECT_FALSE(strategy->ShouldRestart(view).has_value());
  view.ended = ExitStatus{.code = 7};
  const auto reason = strategy->ShouldRestart(view);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->text, "exit code 7");
  EXPECT_TRUE(reason->IsFailure());
}

}  // namespace
}  // namespace reinit
