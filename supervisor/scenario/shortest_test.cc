#include "supervisor/scenario/shortest.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Steps = std::vector<int>;

Steps UpTo(int count) {
  Steps steps(static_cast<size_t>(count));
  std::iota(steps.begin(), steps.end(), 0);
  return steps;
}

bool Has(const Steps& steps, int step) {
  return std::find(steps.begin(), steps.end(), step) != steps.end();
}

TEST(ShortestTest, KeepsWhatTheFailureNeeds) {
  int asked = 0;
  const Steps shortest = Shortest<int>(UpTo(200), [&](const Steps& steps) {
    ++asked;
    return Has(steps, 3) && Has(steps, 71) && Has(steps, 199);
  });
  EXPECT_THAT(shortest, ElementsAre(3, 71, 199));
  EXPECT_LT(asked, 200);
}

TEST(ShortestTest, WhatNeedsACountKeepsThatMany) {
  EXPECT_EQ(Shortest<int>(UpTo(100),
                          [](const Steps& steps) { return steps.size() >= 7; })
                .size(),
            7u);
}

TEST(ShortestTest, KeepsTheOrder) {
  EXPECT_THAT(Shortest<int>(
                  {5, 1, 4, 2, 3},
                  [](const Steps& steps) {
                    const auto four = std::find(steps.begin(), steps.end(), 4);
                    return std::find(four, steps.end(), 3) != steps.end();
                  }),
              ElementsAre(4, 3));
}

TEST(ShortestTest, WhatAlwaysFailsNeedsNothing) {
  EXPECT_THAT(Shortest<int>(UpTo(9), [](const Steps&) { return true; }),
              IsEmpty());
}

}  // namespace
}  // namespace reinit
