// Two processes at once: signals, the end, and what is seen and asked for.
#include <signal.h>
#include <sys/stat.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/overlap_fixture.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(OverlapTest, TermDuringItEndsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  Signal(SIGTERM);
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGTERM, SIGCONT));
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGTERM, SIGCONT));
  End(new_, {.code = 4});
  EXPECT_FALSE(supervisor_->ended());
  End(old_, {.code = 3});
  ExpectEnded(3);  // that of the one that served
}

TEST_F(OverlapTest, ASecondCtrlCKillsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  Signal(SIGINT);
  Signal(SIGINT);
  EXPECT_TRUE(supervisor_->ended());
  EXPECT_THAT(Apps(), IsEmpty());
}

TEST_F(OverlapTest, TermKillsWhatStillDrains) {
  options_.stop.shutdown_timeout = absl::Seconds(30);
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  Ready();
  Signal(SIGTERM);
  EXPECT_FALSE(supervisor_->ended());
  world_.Advance(absl::Seconds(31));
  ExpectEnded(128 + SIGTERM);
}

TEST_F(OverlapTest, SignalsAreForTheOneThatServes) {
  Begin();
  Overlap();
  Signal(SIGUSR1);
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGUSR1));
  EXPECT_THAT(SentTo(new_), IsEmpty());
  os().process(old_).deaf = true;
  Ready();
  Signal(SIGUSR1);
  EXPECT_THAT(SentTo(new_), ElementsAre(SIGUSR1));
}

TEST_F(OverlapTest, ReadyIsWhoeverServes) {
  options_.ready.file = ::testing::TempDir() + "/ready";
  const auto shown = [&] {
    struct stat info;
    return ::stat(options_.ready.file.c_str(), &info) == 0;
  };
  Begin();
  EXPECT_TRUE(shown());
  Overlap();
  EXPECT_TRUE(shown());
  Exit(1);
  EXPECT_TRUE(shown());
  world_.Advance(absl::Milliseconds(100));
  EXPECT_TRUE(shown());
  Ready();
  EXPECT_TRUE(shown());
  Signal(SIGTERM);
  EXPECT_FALSE(shown());
}

// The old one goes on from the moment at which the new one is rolled back, not
// from the end of the new one.
TEST_F(OverlapTest, ReadyStaysWhileANewOneThatFailedIsStopped) {
  options_.ready.file = ::testing::TempDir() + "/stays_ready";
  const auto shown = [&] {
    struct stat info;
    return ::stat(options_.ready.file.c_str(), &info) == 0;
  };
  Begin();
  Overlap();
  os().process(new_).deaf = true;
  Sick();
  ASSERT_TRUE(os().Alive(new_));
  EXPECT_TRUE(shown());
  End(new_, {.code = 1});
  EXPECT_TRUE(shown());
  Signal(SIGTERM);
}

TEST_F(OverlapTest, StatusShowsBoth) {
  Begin();
  Overlap();
  Status status = supervisor_->Describe();
  ASSERT_TRUE(status.process.has_value() && status.other_process.has_value());
  EXPECT_EQ(status.process->pid, old_);
  EXPECT_EQ(status.other_process->pid, new_);
  EXPECT_TRUE(status.serves);
  os().process(old_).deaf = true;
  Ready();
  status = supervisor_->Describe();
  ASSERT_TRUE(status.process.has_value() && status.other_process.has_value());
  EXPECT_EQ(status.process->pid, new_);
  EXPECT_EQ(status.other_process->pid, old_);
}

TEST_F(OverlapTest, StatusTellsOfOneThatFailed) {
  Begin();
  Overlap();
  Exit(1);
  EXPECT_THAT(supervisor_->Describe().change_failure,
              HasSubstr("ended: exit code 1"));
  EXPECT_EQ(supervisor_->Describe().exits, 1u);
  world_.Advance(absl::Milliseconds(100));
  Ready();
  EXPECT_EQ(supervisor_->Describe().change_failure, "");
  EXPECT_TRUE(supervisor_->Describe().Settled());
}

// Else `ctl wait` would fail for ever after.
TEST_F(OverlapTest, AFailureIsForgottenOnceOneStartsAlone) {
  Begin();
  fake_.ready = false;
  Sick();
  world_.Advance(absl::Milliseconds(120));
  Exit(1);
  EXPECT_NE(supervisor_->Describe().change_failure, "");
  End(old_, {.code = 1});
  world_.Advance(absl::Seconds(1));
  Ready();
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(supervisor_->Describe().change_failure, "");
}

TEST_F(OverlapTest, AskedForByCtl) {
  Begin();
  fake_.ready = false;
  ASSERT_TRUE(supervisor_->AskRestart(0, nullptr).ok());
  world_.Settle();
  ASSERT_EQ(Apps().size(), 2u);
  // The one that is on its way is as good.
  ASSERT_TRUE(supervisor_->AskRestart(0, nullptr).ok());
  ASSERT_TRUE(supervisor_->AskSignal(SIGUSR2).ok());
  EXPECT_THAT(SentTo(old_), ElementsAre(SIGUSR2));
  Ready();
  EXPECT_EQ(Apps().size(), 1u);
  EXPECT_EQ(os().spawns(), 2);
}

TEST_F(OverlapTest, CtlStopNowKillsBoth) {
  Begin();
  os().process(old_).deaf = true;
  Overlap();
  os().process(new_).deaf = true;
  supervisor_->AskStop(/*now=*/true);
  world_.Settle();
  ExpectEnded(128 + SIGKILL);
}

}  // namespace
}  // namespace reinit
