// What changes while a new process beside the old one is not ready yet, where
// more than a restart is to be done.
#include <signal.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// -- A check before --------------------------------------------------------

class CheckedTest : public OverlapTest {
 protected:
  void Begin() {
    options_.reload.check = {"check"};
    OverlapTest::Begin();
    fake_.ready = false;
    Change();
    EndCheck(0);
    new_ = os().last();
    ASSERT_THAT(Apps(), ElementsAre(old_, new_));
  }
  void EndCheck(int code) {
    ASSERT_NE(Find("check"), 0);
    End(Find("check"), {.code = code});
  }
};

TEST_F(CheckedTest, ItGoesOnUntilTheCheckHasPassed) {
  Begin();
  Change("b.py");
  EXPECT_THAT(SentTo(new_), IsEmpty());
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  EndCheck(0);
  EXPECT_FALSE(os().Alive(new_));
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
  Ready();
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(Describe().changes_applied, 1u);
}

TEST_F(CheckedTest, OneThatIsRefusedTakesNobodysPlace) {
  Begin();
  Change("b.py");
  EndCheck(1);
  EXPECT_THAT(SentTo(new_), IsEmpty());
  EXPECT_EQ(supervisor_->change(), ChangeState::kApplying);
  EXPECT_EQ(Describe().change_text, "a.py");
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(new_));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(os().spawns(), 4);  // two checks among them
  // `ctl wait` is to tell: this one was started before.
  EXPECT_THAT(Describe().change_failure, HasSubstr("b.py: --reload-check"));
  Change("c.py");
  EndCheck(0);
  Ready();
  EXPECT_EQ(Describe().change_failure, "");
}

TEST_F(CheckedTest, TheLastChangeDuringACheckIsCheckedToo) {
  Begin();
  Change("b.py");
  Change("c.py");
  EndCheck(1);
  ASSERT_NE(Find("check"), 0);
  EXPECT_THAT(os().process(Find("check")).request.argv, ElementsAre("check"));
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  EndCheck(0);
  EXPECT_FALSE(os().Alive(new_));
  Ready();
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr(": c.py")));
  EXPECT_FALSE(Describe().change_queued);
}

TEST_F(CheckedTest, OneThatIsReadyMeanwhileIsReloadedOnceMore) {
  Begin();
  os().process(old_).deaf = true;
  Change("b.py");
  Ready();
  fake_.ready = false;
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EndCheck(0);
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  EXPECT_THAT(SentTo(new_), IsEmpty());
  End(old_, {});
  EndCheck(0);
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  Ready();
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(CheckedTest, OneThatFailsMeanwhileIsReplacedAtOnce) {
  Begin();
  Change("b.py");
  End(new_, {.code = 1});
  EXPECT_THAT(Apps(), ElementsAre(old_));
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  EndCheck(0);
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
  Ready();
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_EQ(Describe().changes_failed, 0u);
}

// Or else the next change would start another check beside this one.
TEST_F(CheckedTest, ItIsStillCheckedWhenTheOneBeforeIsGivenUp) {
  options_.restart.limit_burst = 1;
  Begin();
  Exit(1);
  world_.Advance(absl::Milliseconds(100));
  new_ = os().last();
  Change("b.py");
  End(new_, {.code = 1});
  EXPECT_EQ(supervisor_->change(), ChangeState::kChecking);
  EndCheck(0);
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
}

// -- Other actions
// -------------------------------------------------------------

class OtherActionTest : public OverlapTest {
 protected:
  void Add(ChangeAction::Kind kind, int value = 0) {
    ChangeAction action;
    action.kind = kind;
    action.value = value;
    if (kind == ChangeAction::Kind::kExec) action.argv = {"build"};
    options_.reload.on_change.push_back(action);
  }
  // For its own sake, since of a change others are told.
  void OverlapSick() {
    Begin();
    fake_.ready = false;
    Sick();
    world_.Advance(absl::Milliseconds(120));
    new_ = os().last();
    ASSERT_THAT(Apps(), ElementsAre(old_, new_));
  }
};

// Nothing else would be started for it.
TEST_F(OtherActionTest, ASignalWaitsUntilItIsReady) {
  Add(ChangeAction::Kind::kSignal, SIGHUP);
  OverlapSick();
  os().process(new_).deaf = true;
  Change("b.py");
  EXPECT_THAT(SentTo(new_), IsEmpty());
  EXPECT_TRUE(Describe().change_queued);
  Ready();
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGHUP));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(OtherActionTest, ASignalIsNotForgottenWhenItFails) {
  Add(ChangeAction::Kind::kSignal, SIGHUP);
  OverlapSick();
  os().process(old_).deaf = true;
  Change("b.py");
  End(new_, {.code = 1});
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGHUP));
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
}

TEST_F(OtherActionTest, ItGoesOnWhileACommandRunsBefore) {
  Add(ChangeAction::Kind::kExec);
  Add(ChangeAction::Kind::kRestart);
  Begin();
  fake_.ready = false;
  Change();
  End(Find("build"), {});
  new_ = os().last();
  ASSERT_THAT(Apps(), ElementsAre(old_, new_));
  Change("b.py");
  ASSERT_NE(Find("build"), 0);
  // One at a time.
  const int spawns = os().spawns();
  Change("c.py");
  EXPECT_EQ(os().spawns(), spawns);
  EXPECT_THAT(SentTo(new_), IsEmpty());
  End(Find("build"), {});
  EXPECT_FALSE(os().Alive(new_));
  // c.py
  End(Find("build"), {});
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_FALSE(Describe().change_queued);
}

TEST_F(OtherActionTest, OneThatIsReadyMeanwhileIsNotStoppedFirst) {
  Add(ChangeAction::Kind::kExec);
  Add(ChangeAction::Kind::kRestart);
  Begin();
  os().process(old_).deaf = true;
  fake_.ready = false;
  Change();
  End(Find("build"), {});
  new_ = os().last();
  Change("b.py");
  Ready();
  fake_.ready = false;
  End(Find("build"), {});
  // The first one still drains.
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  EXPECT_THAT(SentTo(new_), IsEmpty());
  End(old_, {});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

}  // namespace
}  // namespace reinit
