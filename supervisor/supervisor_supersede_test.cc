// What changes while a new process beside the old one is not ready yet.
#include <signal.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(OverlapTest, AChangeDuringItIsOneMoreAfterwards) {
  Begin();
  Overlap();
  Change("b.py");
  Change("c.py");
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  os().process(old_).deaf = true;
  Ready();
  // The first one still drains.
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  fake_.ready = false;
  End(old_, {});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  EXPECT_NE(os().last(), new_);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 2: c.py")));
}

TEST_F(OverlapTest, OneThatFailsIsReplacedAtOnceIfSomethingHasChanged) {
  Begin();
  Overlap();
  Change("b.py");
  Exit(1);
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(Apps().size(), 2u);
  Ready();
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

}  // namespace
}  // namespace reinit
