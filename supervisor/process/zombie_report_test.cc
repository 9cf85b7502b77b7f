#include "supervisor/process/zombie_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ZombieReportTest : public ::testing::Test {
 protected:
  ZombieReportTest() {
    world_.log().set_level(LogLevel::kDebug);
    parent_ = world_.os().AddChildOf(FakeOs::kSelf);
    world_.os().process(parent_).name = "careless";
  }

  pid_t AddZombie() {
    const pid_t zombie = world_.os().AddChildOf(parent_);
    world_.os().process(zombie).state = 'Z';
    world_.os().process(zombie).name = "sleep";
    return zombie;
  }
  void Looks(int count) {
    for (int i = 0; i < count; ++i) world_.Advance(ZombieReport::kInterval);
  }

  FakeWorld world_;
  pid_t parent_ = 0;
  ZombieReport report_{world_.context()};
};

TEST_F(ZombieReportTest, NamesTheParentOnceItWasSeenTwice) {
  AddZombie();
  AddZombie();
  report_.Start();
  Looks(1);
  EXPECT_THAT(world_.log().lines(), IsEmpty());
  Looks(5);
  EXPECT_THAT(world_.log().lines(),
              ElementsAre(HasSubstr("[100] 'careless' does not wait for its "
                                    "children: 2 zombies, the first [101] "
                                    "'sleep'")));
  ASSERT_EQ(report_.parents().size(), 1u);
  EXPECT_THAT(report_.parents()[0].zombies, ElementsAre(101, 102));
}

TEST_F(ZombieReportTest, OneThatIsReapedInTimeIsNoNews) {
  const pid_t zombie = AddZombie();
  report_.Start();
  Looks(1);
  world_.os().Exit(zombie, {});
  AddZombie();
  Looks(1);
  EXPECT_THAT(world_.log().lines(), IsEmpty());
}

TEST_F(ZombieReportTest, MoreOfThemAreNews) {
  AddZombie();
  report_.Start();
  Looks(3);
  AddZombie();
  Looks(3);
  EXPECT_THAT(world_.log().lines(), ElementsAre(HasSubstr(": 1 zombie, ["),
                                                HasSubstr(": 2 zombies")));
}

TEST_F(ZombieReportTest, OursAreReapedAnyway) {
  const pid_t ours = world_.os().AddChildOf(FakeOs::kSelf);
  world_.os().process(ours).state = 'Z';
  report_.Start();
  Looks(3);
  EXPECT_THAT(world_.log().lines(), IsEmpty());
}

TEST_F(ZombieReportTest, DoesNotLookUnlessAtDebugLevel) {
  world_.log().set_level(LogLevel::kInfo);
  report_.Start();
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

}  // namespace
}  // namespace reinit
