#include "supervisor/strategy/rules/health_state.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace reinit {
namespace {

using Verdict = HealthState::Verdict;

// One story of check results: + passes, - fails, and the verdict on each:
// . nothing, 1 first success, f failing, U unhealthy.
struct Story {
  const char* name;
  absl::Duration start_period;
  std::string results;
  std::string verdicts;
};

class HealthStateTest : public ::testing::TestWithParam<Story> {};

TEST_P(HealthStateTest, JudgesAsDockerDoes) {
  HealthOptions options;
  options.start_period = GetParam().start_period;
  options.retries = 3;
  HealthState state(&options);
  absl::Time now = absl::UnixEpoch();
  state.Begin(now);
  std::string verdicts;
  for (const char result : GetParam().results) {
    EXPECT_GE(state.next(), now);
    now = state.next();
    switch (state.OnResult(now, result == '+')) {
      case Verdict::kNothing:
        verdicts += '.';
        break;
      case Verdict::kFirstSuccess:
        verdicts += '1';
        break;
      case Verdict::kFailing:
        verdicts += 'f';
        break;
      case Verdict::kUnhealthy:
        verdicts += 'U';
        break;
    }
  }
  EXPECT_EQ(verdicts, GetParam().verdicts);
}

INSTANTIATE_TEST_SUITE_P(
    Stories, HealthStateTest,
    ::testing::Values(
        Story{"healthy", absl::Seconds(60), "++++", "1..."},
        Story{"slow_start", absl::Seconds(60), "-----+", ".....1"},
        Story{"never_healthy", absl::Seconds(1), "-----", "..ffU"},
        Story{"no_start_period", absl::ZeroDuration(), "---", "ffU"},
        Story{"a_success_ends_the_start_period", absl::Seconds(60), "-+---",
              ".1ffU"},
        Story{"a_success_forgets_failures", absl::Seconds(60), "+--+--+---",
              "1ff.ff.ffU"},
        Story{"unhealthy_is_said_once", absl::ZeroDuration(), "-----",
              "ffUff"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(HealthStateScheduleTest, ChecksAtOnceThenOftenThenEveryInterval) {
  HealthOptions options;
  options.interval = absl::Seconds(10);
  HealthState state(&options);
  const absl::Time start = absl::UnixEpoch();
  EXPECT_EQ(state.next(), absl::InfiniteFuture());
  state.Begin(start);
  EXPECT_EQ(state.next(), start);
  state.OnResult(start, false);
  EXPECT_EQ(state.next(), start + HealthState::kStartInterval);
  // From the end of a check, however long it took.
  state.OnResult(start + absl::Seconds(3), true);
  EXPECT_EQ(state.next(), start + absl::Seconds(13));
}

TEST(HealthStateScheduleTest, AShortIntervalHoldsFromTheStart) {
  HealthOptions options;
  options.interval = absl::Milliseconds(100);
  HealthState state(&options);
  state.Begin(absl::UnixEpoch());
  state.OnResult(absl::UnixEpoch(), false);
  EXPECT_EQ(state.next(), absl::UnixEpoch() + absl::Milliseconds(100));
}

TEST(HealthStateScheduleTest, ANewInstanceStartsAfresh) {
  HealthOptions options;
  HealthState state(&options);
  state.Begin(absl::UnixEpoch());
  state.OnResult(absl::UnixEpoch(), true);
  state.OnResult(absl::UnixEpoch(), false);
  EXPECT_EQ(state.failures(), 1);
  state.Begin(absl::UnixEpoch());
  EXPECT_EQ(state.failures(), 0);
  EXPECT_FALSE(state.ever_passed());
}

}  // namespace
}  // namespace reinit
