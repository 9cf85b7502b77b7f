#include "supervisor/value/backoff.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using absl::Milliseconds;
using absl::Seconds;

constexpr double kMiddle = 0.5;

TEST(BackoffTest, DoublesUpToItsMaximum) {
  Backoff backoff(Milliseconds(100), Seconds(10));
  std::vector<int64_t> delays;
  delays.reserve(9);
  for (int i = 0; i < 9; ++i) {
    delays.push_back(absl::ToInt64Milliseconds(backoff.Take(kMiddle)));
  }
  EXPECT_THAT(delays, ::testing::ElementsAre(100, 200, 400, 800, 1600, 3200,
                                             6400, 10000, 10000));
  backoff.Reset();
  EXPECT_EQ(backoff.Take(kMiddle), Milliseconds(100));
}

TEST(BackoffTest, SpreadsByTenPercent) {
  EXPECT_EQ(Backoff(Seconds(1), Seconds(1)).Take(0), Milliseconds(900));
  EXPECT_NEAR(
      absl::ToDoubleSeconds(Backoff(Seconds(1), Seconds(1)).Take(0.999999)),
      1.1, 0.001);
}

TEST(BackoffTest, AFirstDelayAboveTheMaximumStays) {
  Backoff backoff(Seconds(60), Seconds(10));
  EXPECT_EQ(backoff.Take(kMiddle), Seconds(60));
  EXPECT_EQ(backoff.Take(kMiddle), Seconds(10));
}

TEST(BackoffTest, NoDelayStaysNone) {
  Backoff backoff(absl::ZeroDuration(), Seconds(10));
  EXPECT_EQ(backoff.Take(kMiddle), absl::ZeroDuration());
  EXPECT_EQ(backoff.Take(kMiddle), absl::ZeroDuration());
}

struct LimitCase {
  const char* name;
  int burst;
  absl::Duration interval;
  std::vector<int> at;  // seconds at which a restart is asked for
  std::vector<bool> allowed;
};

class StartLimitTest : public ::testing::TestWithParam<LimitCase> {};

TEST_P(StartLimitTest, AllowsWhatFitsIntoTheWindow) {
  const LimitCase& param = GetParam();
  StartLimit limit(param.burst, param.interval);
  std::vector<bool> allowed;
  allowed.reserve(param.at.size());
  for (const int second : param.at) {
    allowed.push_back(limit.Take(absl::UnixEpoch() + Seconds(second)));
  }
  EXPECT_EQ(allowed, param.allowed);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, StartLimitTest,
    ::testing::Values(
        LimitCase{"none", 0, Seconds(10), {0, 0, 0, 0}, {1, 1, 1, 1}},
        LimitCase{"one", 1, Seconds(10), {0, 9, 10}, {1, 0, 1}},
        LimitCase{"slides",
                  2,
                  Seconds(10),
                  {0, 6, 9, 11, 12, 17},
                  {1, 1, 0, 1, 0, 1}},
        LimitCase{"never_forgets",
                  2,
                  absl::InfiniteDuration(),
                  {0, 1, 100000},
                  {1, 1, 0}}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(StartLimitTest, CountsWhatIsUsed) {
  StartLimit limit(3, Seconds(10));
  const absl::Time start = absl::UnixEpoch();
  limit.Take(start);
  limit.Take(start + Seconds(5));
  EXPECT_EQ(limit.Used(start + Seconds(5)), 2);
  EXPECT_EQ(limit.Used(start + Seconds(12)), 1);
  limit.Reset();
  EXPECT_EQ(limit.Used(start + Seconds(12)), 0);
}

}  // namespace
}  // namespace reinit
