// What changes while a new process beside the old one is not ready yet.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SupersedeTest : public OverlapTest {
 protected:
  // Until one is let be: that is new_, and one more change waits.
  void WriteAllTheTime() {
    for (int i = 0; i < 20; ++i) {
      new_ = os().last();
      Change("written.py");
      if (os().last() == new_) return;
    }
    FAIL() << "none is let be";
  }
};

TEST_F(SupersedeTest, TheNewerOneTakesItsPlaceAtOnce) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM, SIGCONT));
  // Not before it is gone: never three.
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  EXPECT_EQ(supervisor_->StateName(), "reloading");
  EXPECT_FALSE(Describe().Settled());
  EXPECT_TRUE(Describe().serves);
  End(new_, {.signal = SIGTERM});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
  EXPECT_EQ(os().spawns(), 3);
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  EXPECT_TRUE(Describe().Settled());
  world_.Advance(absl::Hours(1));
  EXPECT_EQ(os().spawns(), 3);
}

// It is no failure of anybody's.
TEST_F(SupersedeTest, CountsForNothing) {
  Begin();
  Overlap();
  Change("b.py");
  Status status = Describe();
  EXPECT_EQ(status.limit.used, 0);
  EXPECT_EQ(status.changes_failed, 0u);
  EXPECT_EQ(status.change_failure, "");
  EXPECT_EQ(world_.log().events().back(),
            absl::StrCat("superseded generation=1 pid=", old_,
                         " cause=file reason=b.py changed=b.py "
                         "superseded=a.py"));
  EXPECT_THAT(world_.log().lines(),
              AllOf(Contains(HasSubstr("b.py: takes the place of a.py")),
                    Not(Contains(HasSubstr("trying again")))));
  Ready();
  status = Describe();
  EXPECT_EQ(status.changes_applied, 1u);
  EXPECT_EQ(status.changes_failed, 0u);
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 2: b.py")));
}

// As one that is rolled back: --reload-stop-signal is for one that serves.
TEST_F(SupersedeTest, ADeafOneIsKilledAfterTheStopTimeout) {
  options_.stop.reload_signal = SIGQUIT;
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  world_.Advance(absl::Seconds(29));
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM, SIGCONT));
  world_.Advance(absl::Seconds(1));
  EXPECT_FALSE(os().Alive(new_));
  EXPECT_EQ(Apps().size(), 2u);
}

// Whoever writes all the time does not keep all of it from being applied.
TEST_F(SupersedeTest, AfterSomeInARowOneIsLetBe) {
  Begin();
  Overlap();
  WriteAllTheTime();
  EXPECT_EQ(os().spawns(), 7);
  EXPECT_THAT(world_.log().lines(),
              Contains(HasSubstr("written.py: next, once process")));
  for (int i = 0; i < 10; ++i) Change("written.py");
  EXPECT_EQ(os().last(), new_);
  EXPECT_THAT(SentTo(new_), IsEmpty());
  EXPECT_TRUE(Describe().change_queued);
  os().process(old_).deaf = true;
  Ready();
  // The first one still drains.
  EXPECT_THAT(Apps(), ElementsAre(old_, new_));
  fake_.ready = false;
  End(old_, {});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  EXPECT_NE(os().last(), new_);
  // And anew.
  new_ = os().last();
  Change("b.py");
  EXPECT_NE(os().last(), new_);
  Ready();
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

// One that waits since before is in what comes now.
TEST_F(SupersedeTest, TheLastChangeOfAllWins) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  WriteAllTheTime();
  Ready();
  os().Exit(old_, {});
  Change("b.py");
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_THAT(world_.log().lines(), Contains(HasSubstr("reload 7: b.py")));
  EXPECT_FALSE(Describe().change_queued);
}

TEST_F(SupersedeTest, OneThatIsLetBeAndFailsIsReplacedAtOnce) {
  Begin();
  Overlap();
  WriteAllTheTime();
  Exit(1);
  EXPECT_NE(os().last(), new_);
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_EQ(os().spawns(), 8);
  // And anew.
  Change("b.py");
  EXPECT_EQ(os().spawns(), 9);
  Ready();
  EXPECT_EQ(os().spawns(), 9);
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
}

TEST_F(SupersedeTest, WhatBecomesReadyWhileItIsStoppedIsStopped) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  Ready();
  EXPECT_THAT(SentTo(old_), IsEmpty());
  fake_.ready = false;
  End(new_, {});
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
  Ready();
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM));
}

TEST_F(SupersedeTest, TheOldOneMayEndWhileItIsStopped) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  End(old_, {.code = 1});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(Apps(), ElementsAre(new_, os().last()));
  EXPECT_NE(os().last(), new_);
  Ready();
  EXPECT_EQ(supervisor_->change(), ChangeState::kNone);
  world_.Advance(absl::Seconds(30));
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(SupersedeTest, TheLastChangeWhileItIsStoppedWins) {
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  Change("c.py");
  Change("d.py");
  End(new_, {});
  world_.Advance(absl::ZeroDuration());
  EXPECT_THAT(SentTo(old_), IsEmpty());
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
  EXPECT_THAT(world_.log().lines(), AllOf(Contains(HasSubstr(": d.py (")),
                                          Not(Contains(HasSubstr("b.py (")))));
  EXPECT_FALSE(fake_.reason.has_value());
}

TEST_F(SupersedeTest, TermWhileItIsStoppedEndsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  Change("b.py");
  Signal(SIGTERM);
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  End(new_, {.code = 4});
  EXPECT_FALSE(supervisor_->ended());
  End(old_, {.code = 3});
  ExpectEnded(3);
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(SupersedeTest, OneThatIsNotExecutedYetIsReplacedOnceItIs) {
  Begin();
  os().set_hold_exec(true);
  Overlap();
  Change("b.py");
  EXPECT_THAT(SentTo(new_), IsEmpty());
  os().set_hold_exec(false);
  os().Executed(new_);
  world_.Settle();
  EXPECT_FALSE(os().Alive(new_));
  EXPECT_THAT(Apps(), ElementsAre(old_, os().last()));
}

TEST_F(SupersedeTest, HooksRunForEach) {
  options_.process.pre_start = {"migrate"};
  options_.process.post_stop = {"tidy"};
  StartSupervising();
  Exit(0);
  old_ = os().last();
  fake_.ready = false;
  Change();
  Exit(0);
  ASSERT_EQ(Apps().size(), 2u);
  Change("b.py");
  ASSERT_NE(Find("tidy"), 0);
  EXPECT_THAT(os().process(Find("tidy")).request.environment,
              Contains("REINIT_GENERATION=2"));
  EXPECT_EQ(Find("migrate"), 0);
  End(Find("tidy"), {});
  world_.Advance(absl::ZeroDuration());
  ASSERT_NE(Find("migrate"), 0);
  EXPECT_THAT(os().process(Find("migrate")).request.environment,
              Contains("REINIT_CHANGED=b.py"));
  EXPECT_THAT(Apps(), ElementsAre(old_));
  End(Find("migrate"), {});
  EXPECT_EQ(Apps().size(), 2u);
  EXPECT_THAT(SentTo(old_), IsEmpty());
}

// A restart for the process's own sake has it with the next start as well.
TEST_F(SupersedeTest, ARestartIsReplacedToo) {
  Begin();
  fake_.ready = false;
  Sick();
  world_.Advance(absl::Milliseconds(120));
  ASSERT_EQ(Apps().size(), 2u);
  Change("b.py");
  EXPECT_EQ(os().spawns(), 3);
  Ready();
  EXPECT_THAT(Apps(), ElementsAre(os().last()));
}

TEST_F(SupersedeTest, ByCtlToo) {
  Begin();
  Overlap();
  ASSERT_TRUE(supervisor_->AskReload(nullptr).ok());
  world_.Settle();
  EXPECT_EQ(os().spawns(), 3);
  // A restart that is on its way is as good as another one.
  ASSERT_TRUE(supervisor_->AskRestart(0, nullptr).ok());
  world_.Settle();
  EXPECT_EQ(os().spawns(), 3);
  Ready();
  EXPECT_TRUE(Describe().Settled());
}

}  // namespace
}  // namespace reinit
