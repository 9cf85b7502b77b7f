#include "supervisor/watch/settle.h"

#include <algorithm>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

absl::Time At(int64_t ms) { return absl::UnixEpoch() + absl::Milliseconds(ms); }

TEST(SettleTest, NothingToDoWithoutAChange) {
  const Settle settle(absl::Milliseconds(50));
  EXPECT_FALSE(settle.active());
  EXPECT_EQ(settle.next(), absl::InfiniteFuture());
  EXPECT_FALSE(settle.Over(At(1'000'000)));
  EXPECT_FALSE(settle.OutOfTime(At(1'000'000)));
}

TEST(SettleTest, OneChangeIsOverAfterTheQuietTime) {
  Settle settle(absl::Milliseconds(50));
  EXPECT_TRUE(settle.OnChange(At(0)));
  EXPECT_EQ(settle.next(), At(50));
  EXPECT_FALSE(settle.Over(At(49)));
  EXPECT_TRUE(settle.Over(At(50)));
  EXPECT_EQ(settle.Finish(At(51)), absl::Milliseconds(51));
  EXPECT_FALSE(settle.active());
  EXPECT_TRUE(settle.OnChange(At(60)));
  EXPECT_EQ(settle.next(), At(110));
}

TEST(SettleTest, AnotherChangePutsItOff) {
  Settle settle(absl::Milliseconds(50));
  settle.OnChange(At(0));
  EXPECT_FALSE(settle.OnChange(At(40)));
  EXPECT_FALSE(settle.Over(At(50)));
  EXPECT_TRUE(settle.Over(At(90)));
  EXPECT_EQ(settle.Quiet(At(95)), absl::Milliseconds(55));
  EXPECT_EQ(settle.Finish(At(90)), absl::Milliseconds(90));
}

TEST(SettleTest, QuietTimeIsBounded) {
  for (const absl::Duration quiet :
       {absl::ZeroDuration(), -absl::Seconds(1), absl::InfiniteDuration(),
        absl::Hours(1)}) {
    Settle settle(quiet);
    settle.OnChange(At(0));
    EXPECT_GE(settle.next(), At(0) + Settle::kMin);
    EXPECT_LE(settle.next(), At(0) + Settle::kMax);
  }
}

// Every sequence of changes at gaps out of a small set, against the definition:
// over at the first moment that is `quiet` after a change with none in between,
// or kMax after the first.
TEST(SettleTest, AllShortHistoriesFollowTheDefinition) {
  const std::vector<int> gaps = {0, 1, 49, 50, 51, 2000, 4999};
  const int quiet = 50;
  const int n = static_cast<int>(gaps.size());
  for (int code = 0; code < n * n * n * n; ++code) {
    Settle settle{absl::Milliseconds(quiet)};
    int64_t now = 0;
    int64_t first = 0;
    int64_t last = 0;
    settle.OnChange(At(0));
    for (int rest = code, step = 0; step < 4; ++step, rest /= n) {
      now += gaps[rest % n];
      const int64_t end = std::min(last + quiet, first + 5000);
      ASSERT_EQ(settle.next(), At(end));
      ASSERT_EQ(settle.Over(At(now)), now >= end);
      ASSERT_EQ(settle.OutOfTime(At(now)), now >= first + 5000);
      if (now >= end) {
        ASSERT_EQ(settle.Finish(At(now)), absl::Milliseconds(now - first));
        first = now;
        ASSERT_TRUE(settle.OnChange(At(now)));
      } else {
        ASSERT_FALSE(settle.OnChange(At(now)));
      }
      last = now;
    }
  }
}

TEST(SettleTest, AWriterThatNeverStopsDoesNotStarveIt) {
  Settle settle(absl::Milliseconds(50));
  settle.OnChange(At(0));
  int64_t now = 0;
  while (!settle.Over(At(now + 1))) settle.OnChange(At(++now));
  EXPECT_EQ(now + 1, 5000);
  EXPECT_TRUE(settle.OutOfTime(At(now + 1)));
}

}  // namespace
}  // namespace reinit
