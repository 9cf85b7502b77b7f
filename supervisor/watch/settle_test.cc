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

// A burst that is one finished save is over early.

constexpr int64_t kQuiet = 50;

Settle Adapting() { return Settle(absl::Milliseconds(kQuiet), true); }

TEST(SettleTest, AFinishedSaveIsOverEarly) {
  Settle settle = Adapting();
  settle.OnChange(At(0));
  settle.OnSave(false, At(0));  // written, and not closed yet
  EXPECT_EQ(settle.next(), At(50));
  settle.OnSave(true, At(3));
  EXPECT_EQ(settle.next(), At(13));
  EXPECT_FALSE(settle.Over(At(12)));
  EXPECT_TRUE(settle.Over(At(13)));
}

TEST(SettleTest, AGivenTimeIsThatTime) {
  Settle settle(absl::Milliseconds(kQuiet));
  settle.OnChange(At(0));
  settle.OnSave(true, At(0));
  EXPECT_EQ(settle.next(), At(50));
}

TEST(SettleTest, WhateverComesAfterASaveWaitsForTheWholeTimeFromThen) {
  Settle settle = Adapting();
  settle.OnChange(At(0));
  settle.OnSave(true, At(0));
  settle.OnSave(false, At(9));  // no change, but something was announced
  EXPECT_EQ(settle.next(), At(59));
  EXPECT_EQ(settle.Quiet(At(59)), absl::Milliseconds(59));
  settle.OnChange(At(20));
  settle.OnSave(false, At(20));
  EXPECT_EQ(settle.next(), At(70));
}

TEST(SettleTest, ASaveThatIsClosedLateIsNotPutOffByThat) {
  Settle settle = Adapting();
  settle.OnChange(At(0));
  settle.OnSave(false, At(0));
  settle.OnSave(true, At(45));
  EXPECT_EQ(settle.next(), At(50));
}

TEST(SettleTest, OnlyACalmSecondMakesASaveOne) {
  for (const int64_t pause : {999, 1000}) {
    Settle settle = Adapting();
    settle.OnChange(At(0));
    settle.OnSave(false, At(0));
    settle.Finish(At(50));
    settle.OnChange(At(pause));
    settle.OnSave(true, At(pause));
    EXPECT_EQ(settle.next(), At(pause + (pause < 1000 ? 50 : 10)));
  }
}

TEST(SettleTest, AWrongGuessIsNotMadeAgainForAMinute) {
  Settle settle = Adapting();
  settle.OnChange(At(0));
  settle.OnSave(true, At(0));
  settle.Finish(At(10));
  settle.OnChange(At(30));  // within the 50 ms that were not waited for
  settle.OnSave(true, At(30));
  EXPECT_EQ(settle.next(), At(80));
  settle.Finish(At(80));
  for (const int64_t later : {59'000, 120'000}) {
    settle.OnChange(At(later));
    settle.OnSave(true, At(later));
    EXPECT_EQ(settle.next(), At(later + (later < 60'000 ? 50 : 10)));
    settle.Finish(settle.next());
  }
}

TEST(SettleTest, ARightGuessIsTrustedAgain) {
  Settle settle = Adapting();
  for (const int64_t now : {0, 1'000, 2'000, 9'000}) {
    settle.OnChange(At(now));
    settle.OnSave(true, At(now));
    EXPECT_EQ(settle.next(), At(now + 10));
    settle.Finish(At(now + 10));
  }
}

// Whatever the history, an adapting one is over no later than another, and
// earlier only while all of the burst is one finished save.
TEST(SettleTest, AnyHistoryIsOverEarlyOnlyAsASave) {
  const std::vector<int> gaps = {0, 5, 9, 10, 49, 50, 1000};
  const int n = static_cast<int>(gaps.size()) * 3;
  for (int code = 0; code < n * n * n * n; ++code) {
    Settle adapts = Adapting();
    Settle plain{absl::Milliseconds(kQuiet)};
    int64_t now = 0;
    for (int rest = code, step = 0; step < 4; ++step, rest /= n) {
      now += gaps[static_cast<size_t>(rest % n / 3)];
      const int what = rest % n % 3;  // a change, a saved file, more of it
      for (Settle* const one : {&adapts, &plain}) {
        if (one->Over(At(now))) one->Finish(At(now));
        if (what < 2) one->OnChange(At(now));
        one->OnSave(what == 1, At(now));
      }
      if (what == 0) {
        ASSERT_EQ(adapts.next(), plain.next()) << code;
      }
      if (what == 1) {
        ASSERT_LE(adapts.next(), plain.next()) << code;
      }
      if (what == 2 && plain.active()) {
        ASSERT_GE(adapts.next(), plain.next()) << code;
      }
    }
  }
}

TEST(SettleTest, FineStampsNeedNoTick) {
  Settle settle(absl::ZeroDuration());
  settle.SetFineStamps(true);
  settle.OnChange(At(0));
  EXPECT_EQ(settle.next(), At(0));
  EXPECT_TRUE(settle.Over(At(0)));
  settle.SetFineStamps(false);
  EXPECT_EQ(settle.next(), At(10));
}

}  // namespace
}  // namespace reinit
