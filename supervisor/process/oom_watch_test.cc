#include "supervisor/process/oom_watch.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OomWatchTest : public ::testing::Test {
 protected:
  OomWatchTest() {
    os().set_has_oom_events(true);
    os().set_oom_kills(4);
  }
  void Kill(int64_t count) {
    os().set_oom_kills(count);
    os().AnnounceOomEvents();
    world_.Settle();
  }
  FakeOs& os() { return world_.os(); }
  const std::vector<std::string>& lines() { return world_.log().lines(); }

  FakeWorld world_;
  OomWatch watch_{world_.context()};
};

TEST_F(OomWatchTest, AKillIsLoggedAndCounted) {
  watch_.Start();
  watch_.Start();
  EXPECT_EQ(watch_.count(), 0U);
  Kill(5);
  world_.Advance(OomWatch::kRest);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr(
                           "the kernel has killed 1 process below the main "
                           "process, 1 since the start")));
  EXPECT_EQ(watch_.count(), 1U);
  EXPECT_THAT(world_.log().events(), ElementsAre("oom_kill kills=1 total=1"));
}

TEST_F(OomWatchTest, TheNextKillIsLoggedAsWell) {
  watch_.Start();
  Kill(5);
  world_.Advance(OomWatch::kRest);
  Kill(7);
  world_.Advance(OomWatch::kRest);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("1 process "),
                                   HasSubstr("2 processes below the main "
                                             "process, 3 since")));
}

// A cgroup at its limit announces each reclaim.
TEST_F(OomWatchTest, ItRestsBetweenAnnouncementsOfOtherThings) {
  watch_.Start();
  EXPECT_EQ(world_.loop().armed_timers(), 0U);
  EXPECT_EQ(world_.loop().active_watches(), 1U);
  for (int i = 0; i < 3; ++i) {
    os().AnnounceOomEvents();
    world_.Settle();
    EXPECT_EQ(world_.loop().active_watches(), 0U);
    world_.Advance(OomWatch::kRest);
    EXPECT_EQ(world_.loop().armed_timers(), 0U);
    EXPECT_EQ(world_.loop().active_watches(), 1U);
  }
  EXPECT_THAT(lines(), IsEmpty());
}

TEST_F(OomWatchTest, TheMainProcessIsNotLoggedOnceMore) {
  watch_.Start();
  Kill(5);
  watch_.NoteMainProcess();
  world_.Advance(OomWatch::kRest);
  EXPECT_THAT(lines(), IsEmpty());
  EXPECT_EQ(watch_.count(), 1U);
}

TEST_F(OomWatchTest, WithoutAnnouncementsALookFindsIt) {
  os().set_has_oom_events(false);
  watch_.Start();
  EXPECT_EQ(world_.loop().active_watches(), 0U);
  os().set_oom_kills(6);
  watch_.Look();
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("2 processes")));
}

TEST_F(OomWatchTest, WithoutACountThereIsNothing) {
  os().set_oom_kills(std::nullopt);
  watch_.Start();
  os().set_oom_kills(6);
  watch_.Look();
  EXPECT_THAT(lines(), IsEmpty());
  EXPECT_EQ(watch_.count(), 0U);
  EXPECT_EQ(watch_.CountBefore(absl::ZeroDuration()), std::nullopt);
}

TEST_F(OomWatchTest, TheCountOfAWhileAgo) {
  constexpr absl::Duration kWhile = absl::Seconds(10);
  EXPECT_EQ(watch_.CountBefore(kWhile), std::nullopt);
  watch_.Start();
  EXPECT_EQ(watch_.CountBefore(kWhile), 4);
  Kill(5);
  world_.Advance(OomWatch::kRest);
  EXPECT_EQ(watch_.CountBefore(kWhile), 4);
  world_.Advance(kWhile);
  EXPECT_EQ(watch_.CountBefore(kWhile), 5);
}

}  // namespace
}  // namespace reinit
