#include "supervisor/value/time_budget.h"

#include "gtest/gtest.h"

namespace reinit {
namespace {

constexpr absl::Duration kMs = absl::Milliseconds(1);

TEST(TimeBudgetTest, LittleIsNotDelayed) {
  TimeBudget budget;
  absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(budget.Spend(now, now + kMs), absl::ZeroDuration());
    now += 10 * kMs;
  }
}

TEST(TimeBudgetTest, MuchRestsForTheRestOfTheSpan) {
  TimeBudget budget;
  const absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(budget.Spend(now, now + 19 * kMs), absl::ZeroDuration());
  EXPECT_EQ(budget.Spend(now + 19 * kMs, now + 20 * kMs), 80 * kMs);
  EXPECT_EQ(budget.Spend(now + 100 * kMs, now + 101 * kMs),
            absl::ZeroDuration());
}

TEST(TimeBudgetTest, WhatTookLongRestsInProportion) {
  TimeBudget budget;
  const absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(budget.Spend(now, now + 200 * kMs), 800 * kMs);
}

TEST(TimeBudgetTest, AFreezeIsNotPaidFor) {
  TimeBudget budget;
  const absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(budget.Spend(now, now + absl::Hours(1)), TimeBudget::kMaxRest);
}

}  // namespace
}  // namespace reinit
