#include "supervisor/change/outcomes.h"

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using Kind = Outcomes::Kind;

class OutcomesTest : public ::testing::Test {
 protected:
  static Reason Because(Reason::Cause cause, const std::string& text) {
    Reason reason;
    reason.cause = cause;
    reason.text = text;
    return reason;
  }
  static absl::Time At(int seconds) { return absl::FromUnixSeconds(seconds); }
  // "under way", "done" or why it failed.
  std::string Of(uint64_t ticket) const {
    const std::optional<absl::Status> outcome = outcomes_.Of(ticket);
    if (!outcome.has_value()) return "under way";
    return outcome->ok() ? "done" : std::string(outcome->message());
  }
  uint64_t Reload() { return outcomes_.Await(Kind::kReload); }
  uint64_t Restart() { return outcomes_.Await(Kind::kRestart); }
  // Without a check.
  void BeginChange(int at) {
    outcomes_.Include();
    outcomes_.BeginChange(change_, At(at));
    outcomes_.Begin();
  }
  std::string Last() const {
    return outcomes_.last_applied().has_value() ? outcomes_.last_applied()->text
                                                : "";
  }

  const Reason change_ = Because(Reason::Cause::kFile, "a.conf");
  const Reason crash_ = Because(Reason::Cause::kExit, "exit code 1");
  const Reason asked_ = Because(Reason::Cause::kControl, "ctl restart");
  Outcomes outcomes_;
};

TEST_F(OutcomesTest, NothingYet) {
  EXPECT_FALSE(outcomes_.last_applied().has_value());
  EXPECT_EQ(outcomes_.last_succeeded(), std::nullopt);
  EXPECT_EQ(outcomes_.success_time(), std::nullopt);
}

TEST_F(OutcomesTest, AnActionThatIsDone) {
  const uint64_t ticket = Reload();
  BeginChange(10);
  EXPECT_EQ(Of(ticket), "under way");
  const absl::Time before = absl::Now();
  outcomes_.ChangeDone(At(13));
  EXPECT_EQ(Of(ticket), "done");
  const auto& last = outcomes_.last_applied();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->cause, Reason::Cause::kFile);
  EXPECT_EQ(last->text, "a.conf");
  EXPECT_EQ(last->when, At(13));
  EXPECT_EQ(last->took, absl::Seconds(3));
  EXPECT_GE(last->at, before);
  EXPECT_LE(last->at, absl::Now());
  EXPECT_EQ(outcomes_.last_succeeded(), true);
  EXPECT_GE(outcomes_.success_time(), before);
}

TEST_F(OutcomesTest, OneThatFailsAndSucceedsLater) {
  const uint64_t ticket = Reload();
  BeginChange(10);
  outcomes_.ChangeFailed("no");
  EXPECT_EQ(Of(ticket), "no");
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  EXPECT_EQ(Last(), "");
  BeginChange(15);
  outcomes_.ChangeDone(At(16));
  EXPECT_EQ(Of(ticket), "no");  // the first outcome stays
  EXPECT_EQ(outcomes_.last_succeeded(), true);
  EXPECT_EQ(outcomes_.last_applied()->took, absl::Seconds(1));
}

TEST_F(OutcomesTest, AProcessThatWasStartedForItIsAwaited) {
  const uint64_t ticket = Reload();
  BeginChange(10);
  outcomes_.Start(&change_, &change_, /*has_all=*/true, At(11));
  outcomes_.ChangeDone(At(12));
  EXPECT_EQ(Of(ticket), "under way");
  EXPECT_EQ(outcomes_.last_succeeded(), std::nullopt);
  outcomes_.Ready(At(14));
  EXPECT_EQ(Of(ticket), "done");
  EXPECT_EQ(outcomes_.last_applied()->took, absl::Seconds(4));
  EXPECT_EQ(outcomes_.last_succeeded(), true);
}

// So that it counts once it succeeds.
TEST_F(OutcomesTest, AStartThatFailedIsTriedAgain) {
  BeginChange(10);
  outcomes_.Start(&change_, &change_, true, At(11));
  outcomes_.StartFailed("--pre-start");
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  outcomes_.Start(&crash_, &change_, /*has_all=*/false, At(12));
  outcomes_.Ready(At(13));
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  outcomes_.ChangeDone(At(14));
  EXPECT_EQ(outcomes_.last_succeeded(), true);
  EXPECT_EQ(Last(), "a.conf");
  EXPECT_EQ(outcomes_.last_applied()->took, absl::Seconds(2));
}

// The twin: it is not, where the process has nothing to do with it.
TEST_F(OutcomesTest, AProcessThatWasStartedForAnotherReasonIsNot) {
  outcomes_.Start(&crash_, /*change=*/nullptr, /*has_all=*/true, At(9));
  const uint64_t ticket = Reload();
  BeginChange(10);
  outcomes_.ChangeDone(At(12));
  EXPECT_EQ(Of(ticket), "done");
}

TEST_F(OutcomesTest, AProcessThatDoesNotGetReady) {
  const uint64_t ticket = Reload();
  BeginChange(10);
  outcomes_.Start(&change_, &change_, true, At(11));
  outcomes_.ChangeDone(At(12));
  outcomes_.StartFailed("process [7] ended: exit code 1");
  EXPECT_EQ(Of(ticket), "a.conf: process [7] ended: exit code 1");
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  // The next one has the change all the same.
  outcomes_.Start(&crash_, nullptr, true, At(13));
  outcomes_.Ready(At(14));
  EXPECT_EQ(outcomes_.last_succeeded(), true);
  EXPECT_EQ(Last(), "exit code 1");
}

TEST_F(OutcomesTest, AnActionThatFailedIsNotMadeUpForByAStart) {
  BeginChange(10);
  outcomes_.ChangeFailed("no");
  for (const Reason* const reason : {&crash_, &asked_}) {
    outcomes_.Start(reason, nullptr, /*has_all=*/false, At(11));
    outcomes_.Ready(At(12));
    EXPECT_EQ(Last(), reason->text);
    EXPECT_EQ(outcomes_.last_succeeded(), false);
  }
}

// The twin: a start that failed is made up for by the next one.
TEST_F(OutcomesTest, AStartThatFailedIs) {
  outcomes_.Start(&asked_, nullptr, /*has_all=*/false, At(11));
  outcomes_.StartFailed("no");
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  outcomes_.Start(&crash_, nullptr, /*has_all=*/false, At(13));
  outcomes_.Ready(At(14));
  EXPECT_EQ(outcomes_.last_succeeded(), true);
}

TEST_F(OutcomesTest, AStartThatWasThereBeforeTheFailureDoesNotMakeUpForIt) {
  outcomes_.Start(&crash_, nullptr, true, At(9));
  outcomes_.BeginChange(change_, At(10));
  outcomes_.CheckFailed("--reload-check");
  outcomes_.Ready(At(11));
  EXPECT_EQ(outcomes_.last_succeeded(), false);
}

TEST_F(OutcomesTest, ACrashIsNoReload) {
  outcomes_.Start(&crash_, nullptr, true, At(9));
  outcomes_.StartFailed("again");
  outcomes_.Start(&crash_, nullptr, true, At(10));
  outcomes_.Ready(At(11));
  EXPECT_EQ(Last(), "exit code 1");
  EXPECT_EQ(outcomes_.last_succeeded(), std::nullopt);
  EXPECT_EQ(outcomes_.success_time(), std::nullopt);
}

TEST_F(OutcomesTest, APartOfAChangeIsNotAllOfIt) {
  BeginChange(10);
  outcomes_.Start(&change_, &change_, false, At(11));
  outcomes_.Ready(At(12));
  EXPECT_EQ(Last(), "");
  EXPECT_EQ(outcomes_.last_succeeded(), std::nullopt);
  outcomes_.ChangeDone(At(13));
  EXPECT_EQ(outcomes_.last_succeeded(), true);
}

TEST_F(OutcomesTest, ALaterChangeAnswersForTheOneThatItReplaces) {
  const uint64_t first = Reload();
  BeginChange(10);
  outcomes_.Start(&change_, &change_, true, At(10));
  const uint64_t second = Reload();
  BeginChange(11);
  outcomes_.StartFailed("stopped for the later one");
  EXPECT_EQ(Of(first), "under way");
  outcomes_.Start(&change_, &change_, true, At(12));
  outcomes_.ChangeDone(At(13));
  outcomes_.Ready(At(13));
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Of(second), "done");
}

// One that fails its check has nothing to do with the one that is under way.
TEST_F(OutcomesTest, ACheckThatFailsMeanwhile) {
  const uint64_t first = Reload();
  BeginChange(10);
  outcomes_.Start(&change_, &change_, true, At(10));
  const uint64_t second = Reload();
  outcomes_.Include();
  outcomes_.BeginChange(Because(Reason::Cause::kFile, "b.conf"), At(11));
  outcomes_.CheckFailed("refused");
  EXPECT_EQ(Of(first), "under way");
  EXPECT_EQ(Of(second), "refused");
  outcomes_.ChangeDone(At(12));
  outcomes_.Ready(At(12));
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Last(), "a.conf");
  // But it is the last one of all.
  EXPECT_EQ(outcomes_.last_succeeded(), false);
  EXPECT_TRUE(outcomes_.FailureStands());
  EXPECT_TRUE(outcomes_.success_time().has_value());
}

TEST_F(OutcomesTest, ACheckThatPassesMeanwhile) {
  const uint64_t first = Reload();
  BeginChange(10);
  outcomes_.Start(&change_, &change_, true, At(10));
  outcomes_.ChangeDone(At(10));
  const uint64_t second = Reload();
  outcomes_.Include();
  outcomes_.BeginChange(change_, At(11));
  outcomes_.Ready(At(12));
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(Of(second), "under way");
  outcomes_.Begin();
  outcomes_.ChangeDone(At(13));
  EXPECT_EQ(Of(second), "done");
}

TEST_F(OutcomesTest, WhatIsToBeTakenUpLaterIsAnsweredLater) {
  BeginChange(10);
  const uint64_t later = Reload();
  outcomes_.ChangeDone(At(11));
  EXPECT_EQ(Of(later), "under way");
  BeginChange(12);
  outcomes_.ChangeFailed("no");
  EXPECT_EQ(Of(later), "no");
}

TEST_F(OutcomesTest, WhatIsLeftToAStart) {
  outcomes_.BeginChange(change_, At(10));
  outcomes_.Start(&crash_, nullptr, true, At(11));
  const uint64_t ticket = Reload();
  outcomes_.Include();
  outcomes_.CoverByStart(At(12));
  EXPECT_EQ(Of(ticket), "under way");
  outcomes_.Ready(At(13));
  EXPECT_EQ(Of(ticket), "done");
  EXPECT_EQ(outcomes_.last_succeeded(), true);
}

TEST_F(OutcomesTest, ARestartIsAnsweredByTheNextStart) {
  const uint64_t reload = Reload();
  const uint64_t first = Restart();
  outcomes_.Start(&asked_, nullptr, true, At(10));
  outcomes_.Ready(At(11));
  EXPECT_EQ(Of(first), "done");
  EXPECT_EQ(outcomes_.last_succeeded(), true);
  const uint64_t second = Restart();
  outcomes_.Start(nullptr, nullptr, true, At(12));
  outcomes_.StartFailed("no");
  EXPECT_EQ(Of(second), "no");
  EXPECT_EQ(Of(reload), "under way");
}

TEST_F(OutcomesTest, OnlyTheLastTicketsAreKept) {
  const uint64_t first = Reload();
  for (size_t i = 1; i < Outcomes::kKeptTickets; ++i) Reload();
  EXPECT_EQ(Of(first), "under way");
  Reload();
  EXPECT_NE(Of(first), "under way");
  EXPECT_NE(Of(first), "done");
  EXPECT_NE(Of(12345), "under way");
}

TEST_F(OutcomesTest, TextsAreBounded) {
  const uint64_t ticket = Reload();
  BeginChange(10);
  outcomes_.ChangeFailed(std::string(100'000, 'x'));
  EXPECT_LE(Of(ticket).size(), 1000u);
}

}  // namespace
}  // namespace reinit
