#include "supervisor/notify/strangers.h"

#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(StrangersTest, AreKnownForASecond) {
  Strangers strangers;
  const absl::Time now = absl::UnixEpoch();
  EXPECT_FALSE(strangers.Has(7, now));
  EXPECT_FALSE(strangers.Has(0, now));
  strangers.Add(7, now);
  EXPECT_TRUE(strangers.Has(7, now));
  EXPECT_FALSE(strangers.Has(8, now));
  EXPECT_TRUE(strangers.Has(7, now + absl::Milliseconds(999)));
  EXPECT_FALSE(strangers.Has(7, now + absl::Seconds(1)));
}

TEST(StrangersTest, OfManyTheOldestIsForgotten) {
  Strangers strangers;
  const absl::Time now = absl::UnixEpoch();
  for (pid_t pid = 1; pid <= 17; ++pid) strangers.Add(pid, now);
  EXPECT_FALSE(strangers.Has(1, now));
  for (pid_t pid = 2; pid <= 17; ++pid) EXPECT_TRUE(strangers.Has(pid, now));
}

}  // namespace
}  // namespace reinit
