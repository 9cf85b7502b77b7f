#include "supervisor/watch/sweep_plan.h"

#include <algorithm>
#include <deque>
#include <random>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using absl::Milliseconds;
using absl::Seconds;

constexpr absl::Duration kDelay = Milliseconds(500);
constexpr absl::Duration kCostly = Milliseconds(105);  // 100,000 files
constexpr absl::Duration kRecentCost = Milliseconds(1);

struct Edit {
  absl::Duration at;    // since the beginning
  bool recent = false;  // in a folder in which something has changed lately
};

// Runs a plan on a fake clock as the watch helper does: what a look finds
// settles for 50 ms, upon which everything is looked at once more.
class Simulation {
 public:
  Simulation(absl::Duration cost, std::deque<Edit> edits)
      : cost_(cost), edits_(std::move(edits)) {
    plan_.Begin(now_);
  }

  void Run(absl::Duration time) {
    const absl::Time end = now_ + time;
    for (;;) {
      const absl::Time due = std::min(plan_.next(), plan_.next_recent());
      if (due > end) break;
      now_ = std::max(now_, due);
      const bool all = now_ >= plan_.next();
      if (Look(all)) {
        now_ += Milliseconds(50);
        Look(/*all=*/true);
      }
    }
    now_ = end;
  }

  absl::Duration used() const { return used_; }
  absl::Duration worst() const { return worst_; }
  absl::Duration mean() const { return total_ / std::max(found_, 1); }
  int found() const { return found_; }
  int looks() const { return looks_; }

 private:
  bool Look(bool all) {
    const absl::Time begin = now_;
    const absl::Duration cost = all ? cost_ : kRecentCost;
    now_ += cost;
    used_ += cost;
    ++looks_;
    all ? plan_.OnSweep(begin, now_, cost) : plan_.OnRecent(begin, now_, cost);
    const int before = found_;
    while (!edits_.empty()) {
      const absl::Duration late =
          now_ - (absl::UnixEpoch() + edits_.front().at);
      if (late < cost || !(all || edits_.front().recent)) break;
      // The first is what tells that somebody edits.
      if (found_++ > 0) worst_ = std::max(worst_, late);
      total_ += late;
      edits_.pop_front();
    }
    if (found_ > before) plan_.OnChange(now_);
    return found_ > before;
  }

  SweepPlan plan_{kDelay};
  const absl::Duration cost_;
  std::deque<Edit> edits_;
  absl::Time now_ = absl::UnixEpoch();
  absl::Duration used_;
  absl::Duration worst_;
  absl::Duration total_;
  int found_ = 0;
  int looks_ = 0;
};

// So many edits, in `from` and so far apart on average.
std::deque<Edit> Edits(int count, absl::Duration from, absl::Duration apart,
                       bool recent) {
  std::minstd_rand random(7);
  std::deque<Edit> edits;
  for (int i = 0; i < count; ++i) {
    from += apart * std::uniform_real_distribution<>(0.5, 1.5)(random);
    edits.push_back({from, recent});
  }
  return edits;
}

TEST(SweepPlanTest, AtRestItIsThePace) {
  Simulation costly(kCostly, {});
  costly.Run(absl::Hours(1));
  EXPECT_LE(costly.used(), absl::Hours(1) * 0.05);
  EXPECT_GE(costly.used(), absl::Hours(1) * 0.045);
  Simulation cheap(Milliseconds(1), {});
  cheap.Run(absl::Hours(1));
  EXPECT_NEAR(cheap.looks(), 7200, 20);
}

TEST(SweepPlanTest, WithoutAChangeNothingElseIsLookedAt) {
  SweepPlan plan(kDelay);
  plan.Begin(absl::UnixEpoch());
  EXPECT_EQ(plan.next(), absl::UnixEpoch() + kDelay);
  EXPECT_EQ(plan.next_recent(), absl::InfiniteFuture());
}

// A sweep that is no more than a delay apart needs no other look.
TEST(SweepPlanTest, ACheapTreeHasNoRecentFolders) {
  SweepPlan plan(kDelay);
  const absl::Time now = absl::UnixEpoch();
  plan.OnSweep(now, now + Milliseconds(5), Milliseconds(5));
  plan.OnChange(now);
  EXPECT_EQ(plan.next_recent(), absl::InfiniteFuture());
}

TEST(SweepPlanTest, WhileSomebodyEditsAChangeIsFoundSoon) {
  // In folders of before.
  Simulation same(kCostly, Edits(200, Seconds(60), Seconds(20), true));
  same.Run(absl::Hours(2));
  ASSERT_EQ(same.found(), 200);
  EXPECT_LE(same.worst(), kDelay + 2 * kCostly + Milliseconds(60));
  EXPECT_LE(same.mean(), Milliseconds(400));
  // Others as long as there is something to borrow.
  Simulation anywhere(kCostly, Edits(10, Seconds(60), Seconds(1), false));
  anywhere.Run(absl::Hours(1));
  ASSERT_EQ(anywhere.found(), 10);
  EXPECT_LE(anywhere.mean(), Milliseconds(700));
}

// The twin: without what is borrowed it takes as long as at rest.
TEST(SweepPlanTest, AtRestAChangeIsFoundLater) {
  Simulation rare(kCostly, Edits(50, Seconds(60), absl::Minutes(20), false));
  rare.Run(absl::Hours(30));
  ASSERT_EQ(rare.found(), 50);
  EXPECT_GE(rare.mean(), Milliseconds(900));
}

// Whatever is edited when: never more than 5 % and what may be borrowed.
TEST(SweepPlanTest, NoPatternOfEditsCostsMoreThanFivePercent) {
  const absl::Duration most =
      SweepPlan::kMaxDebt + SweepPlan::kReserve + 3 * kCostly;
  for (const absl::Duration apart :
       {Milliseconds(100), Seconds(1), Seconds(10), Seconds(30),
        absl::Minutes(2), absl::Minutes(7)}) {
    for (const bool recent : {false, true}) {
      const absl::Duration time = absl::Hours(2);
      const int count = static_cast<int>(time / apart);
      Simulation edited(kCostly, Edits(count, Seconds(1), apart, recent));
      for (int i = 1; i <= 120; ++i) {
        edited.Run(absl::Minutes(1));
        ASSERT_LE(edited.used(), absl::Minutes(i) * 0.05 + most)
            << apart << ", after " << i << " minutes";
      }
      EXPECT_GE(edited.found(), count * 9 / 10);
    }
  }
}

TEST(SweepPlanTest, WhatWasBorrowedIsPaidOff) {
  Simulation edited(kCostly, Edits(30, Seconds(1), Seconds(1), false));
  edited.Run(absl::Minutes(5));
  EXPECT_LE(edited.used(), absl::Minutes(5) * 0.05 + kCostly);
  const absl::Duration used = edited.used();
  edited.Run(absl::Minutes(5));
  EXPECT_GE(edited.used() - used, absl::Minutes(5) * 0.04)
      << "and it is as ever";
}

TEST(SweepPlanTest, AnInfiniteDelayStaysInfinite) {
  SweepPlan plan(absl::InfiniteDuration());
  const absl::Time now = absl::UnixEpoch();
  plan.Begin(now);
  plan.OnChange(now);
  EXPECT_EQ(plan.next(), absl::InfiniteFuture());
  EXPECT_EQ(plan.next_recent(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace reinit
