#include "supervisor/watch/pace.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using absl::Milliseconds;

TEST(PaceTest, CheapSweepsKeepTheReloadDelay) {
  Pace pace(Milliseconds(500));
  EXPECT_EQ(pace.delay(), Milliseconds(500));
  for (int i = 0; i < 100; ++i) pace.OnSweep(Milliseconds(25));
  EXPECT_EQ(pace.delay(), Milliseconds(500));
  EXPECT_FALSE(pace.stretched());
}

TEST(PaceTest, CostlySweepsUseFivePercent) {
  Pace pace(Milliseconds(500));
  for (int i = 0; i < 100; ++i) pace.OnSweep(Milliseconds(105));
  EXPECT_EQ(pace.delay(), Milliseconds(2100));
  EXPECT_TRUE(pace.stretched());
}

TEST(PaceTest, OneSlowSweepIsForgotten) {
  Pace pace(Milliseconds(500));
  for (const int cost : {200, 10, 10, 10, 60, 10}) {
    pace.OnSweep(Milliseconds(cost));
    EXPECT_FALSE(pace.stretched());
  }
  for (int i = 0; i < 20; ++i) pace.OnSweep(Milliseconds(10));
  EXPECT_EQ(pace.delay(), Milliseconds(500));
}

TEST(PaceTest, ADelayOfZeroIsNoBusyLoop) {
  EXPECT_EQ(Pace(absl::ZeroDuration()).delay(), Pace::kMinDelay);
  EXPECT_EQ(Pace(-absl::Seconds(1)).delay(), Pace::kMinDelay);
}

TEST(PaceTest, AnInfiniteDelayStaysInfinite) {
  Pace pace(absl::InfiniteDuration());
  pace.OnSweep(Milliseconds(10));
  EXPECT_EQ(pace.delay(), absl::InfiniteDuration());
  EXPECT_FALSE(pace.stretched());
}

}  // namespace
}  // namespace reinit
