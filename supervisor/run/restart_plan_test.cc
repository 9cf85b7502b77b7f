#include "supervisor/run/restart_plan.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Reason Change(const std::string& text) {
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.text = text;
  return reason;
}

Reason Failure(const std::string& text) {
  Reason reason;
  reason.cause = Reason::Cause::kExit;
  reason.text = text;
  return reason;
}

Reason Age() {
  Reason reason;
  reason.cause = Reason::Cause::kAge;
  reason.text = "age: 1h";
  return reason;
}

class RestartPlanTest : public ::testing::Test {
 protected:
  RestartPlanTest() {
    options_.delay = absl::Seconds(1);
    options_.delay_max = absl::Seconds(4);
    options_.limit_burst = 3;
    options_.limit_interval = absl::Minutes(5);
  }

  // One that notes what it was told, as "name: OK".
  RestartPlan::OnDone Waiter(const std::string& name) {
    return [this, name](const absl::Status& status) {
      told_.push_back(absl::StrCat(name, ": ", status.ToString()));
    };
  }
  bool Make(const Reason& reason, RestartPlan::OnDone done = nullptr,
            bool stable = false) {
    return plan().Make(reason, std::move(done), stable, /*replaces=*/7, now_);
  }
  void UseUpTheLimit() {
    for (int i = 0; i < options_.limit_burst; ++i) {
      EXPECT_TRUE(Make(Failure("exit")));
    }
  }
  // Made at the first use, so that a test can set options before.
  RestartPlan& plan() {
    if (!plan_.has_value()) plan_.emplace(options_, &random_);
    return *plan_;
  }

  RestartOptions options_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  std::vector<std::string> told_;
  const std::function<double()> random_ = [] { return 0.5; };
  std::optional<RestartPlan> plan_;
};

// The rows of the table.

TEST_F(RestartPlanTest, NoneIsPlannedBeforeTheFirstMake) {
  EXPECT_FALSE(plan().has_value());
  EXPECT_EQ(plan().get(), nullptr);
  EXPECT_EQ(plan().reason(), nullptr);
  EXPECT_FALSE(plan().awaited());
  EXPECT_FALSE(plan().for_failure());
}

TEST_F(RestartPlanTest, NoneThenMakePlansOne) {
  EXPECT_TRUE(Make(Change("a.py"), Waiter("a")));
  ASSERT_TRUE(plan().has_value());
  EXPECT_EQ(plan().reason()->text, "a.py");
  EXPECT_EQ(plan()->began, now_);
  EXPECT_EQ(plan()->replaces, 7);
  EXPECT_EQ(plan()->delay, absl::ZeroDuration());
  EXPECT_EQ(plan()->stopped_after, std::nullopt);
  EXPECT_TRUE(plan().awaited());
  EXPECT_FALSE(plan().for_failure());
}

TEST_F(RestartPlanTest, NoneThenMakeOverTheLimitPlansNone) {
  UseUpTheLimit();
  plan().Drop();
  EXPECT_FALSE(Make(Failure("exit"), Waiter("a")));
  EXPECT_FALSE(plan().has_value());
}

TEST_F(RestartPlanTest, PlannedThenMakeIsForTheNewReason) {
  Make(Change("a.py"));
  plan().OnStopped(now_);
  now_ += absl::Seconds(9);
  EXPECT_TRUE(Make(Failure("exit")));
  EXPECT_EQ(plan().reason()->text, "exit");
  EXPECT_EQ(plan()->began, now_);
  EXPECT_EQ(plan()->stopped_after, std::nullopt);
  EXPECT_TRUE(plan().for_failure());
}

TEST_F(RestartPlanTest, PlannedThenMakeKeepsTheOneThatWaited) {
  Make(Change("a.py"), Waiter("a"));
  Make(Failure("exit"));
  ASSERT_TRUE(plan().awaited());
  plan()->done(absl::OkStatus());
  EXPECT_THAT(told_, ElementsAre("a: OK"));
}

TEST_F(RestartPlanTest, PlannedThenMakeWithAWaiterOfItsOwnTakesThat) {
  Make(Change("a.py"), Waiter("a"));
  Make(Change("b.py"), Waiter("b"));
  plan()->done(absl::OkStatus());
  EXPECT_THAT(told_, ElementsAre("b: OK"));
}

TEST_F(RestartPlanTest, PlannedThenMakeOverTheLimitLeavesItAsItIs) {
  UseUpTheLimit();
  plan().Drop();
  Make(Change("a.py"), Waiter("a"));
  for (int i = 0; i < options_.limit_burst; ++i) plan().Again(now_);
  now_ += absl::Seconds(1);
  EXPECT_FALSE(Make(Failure("exit"), Waiter("b")));
  EXPECT_EQ(plan().reason()->text, "a.py");
  EXPECT_LT(plan()->began, now_);
  plan()->done(absl::OkStatus());
  EXPECT_THAT(told_, ElementsAre("a: OK"));
}

TEST_F(RestartPlanTest, PlannedThenAgainWaitsLongerEachTime) {
  Make(Change("a.py"), Waiter("a"));
  EXPECT_EQ(plan()->delay, absl::ZeroDuration());
  for (const int seconds : {1, 2, 4}) {
    now_ += absl::Seconds(1);
    EXPECT_TRUE(plan().Again(now_));
    EXPECT_EQ(plan()->delay, absl::Seconds(seconds));
    EXPECT_EQ(plan()->began, now_);
  }
  EXPECT_EQ(plan().reason()->text, "a.py");
  EXPECT_TRUE(plan().awaited());
}

TEST_F(RestartPlanTest, PlannedThenAgainOverTheLimitLeavesItAsItIs) {
  Make(Change("a.py"));
  for (int i = 0; i < options_.limit_burst; ++i) {
    EXPECT_TRUE(plan().Again(now_));
  }
  const absl::Duration delay = plan()->delay;
  now_ += absl::Seconds(1);
  EXPECT_FALSE(plan().Again(now_));
  ASSERT_TRUE(plan().has_value());
  EXPECT_EQ(plan()->delay, delay);
  EXPECT_LT(plan()->began, now_);
}

TEST_F(RestartPlanTest, PlannedThenPostponeDoesNotCount) {
  Make(Change("a.py"));
  for (int i = 0; i < 10; ++i) plan().Postpone(now_);
  EXPECT_EQ(plan()->delay, options_.delay_max);
  EXPECT_EQ(plan().limit().Used(now_), 0);
}

TEST_F(RestartPlanTest, PlannedThenFinishReturnsAndNotesIt) {
  Make(Change("a.py"), Waiter("a"));
  now_ += absl::Seconds(3);
  const auto done = plan().Finish(now_);
  EXPECT_FALSE(plan().has_value());
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->reason.text, "a.py");
  EXPECT_TRUE(done->done);
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(plan().history().count(Reason::Cause::kFile), 1U);
  ASSERT_EQ(plan().history().last().size(), 1U);
  EXPECT_EQ(plan().history().last()[0].generation, 7);
  EXPECT_EQ(plan().history().last()[0].when, now_);
}

TEST_F(RestartPlanTest, NoneThenFinishNotesNothing) {
  EXPECT_EQ(plan().Finish(now_), std::nullopt);
  EXPECT_THAT(plan().history().last(), IsEmpty());
}

TEST_F(RestartPlanTest, PlannedThenDropIsNoneAndTellsNobody) {
  Make(Change("a.py"), Waiter("a"));
  plan().Drop();
  EXPECT_FALSE(plan().has_value());
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(plan().history().last(), IsEmpty());
}

TEST_F(RestartPlanTest, PlannedThenTellFailedTellsTheOneThatWaits) {
  plan().TellFailed("nobody is there to hear it");
  Make(Change("a.py"));
  plan().TellFailed("nobody waits for it");
  Make(Change("a.py"), Waiter("a"));
  plan().TellFailed("gave up");
  EXPECT_THAT(told_, ElementsAre("a: ABORTED: gave up"));
  EXPECT_TRUE(plan().has_value());
}

TEST_F(RestartPlanTest, PlannedThenDropWaiterIsAwaitedByNobody) {
  plan().DropWaiter();
  Make(Change("a.py"), Waiter("a"));
  plan().DropWaiter();
  EXPECT_TRUE(plan().has_value());
  EXPECT_FALSE(plan().awaited());
  plan().TellFailed("gave up");
  EXPECT_THAT(told_, IsEmpty());
}

// Delays and the limit.

TEST_F(RestartPlanTest, FailuresInARowWaitLongerEachTime) {
  options_.limit_burst = 0;
  std::vector<absl::Duration> delays;
  for (int i = 0; i < 4; ++i) {
    Make(Failure("exit"));
    delays.push_back(plan()->delay);
    plan().Finish(now_);
  }
  EXPECT_THAT(delays, ElementsAre(absl::Seconds(1), absl::Seconds(2),
                                  absl::Seconds(4), absl::Seconds(4)));
}

TEST_F(RestartPlanTest, AfterAStableProcessTheDelayIsShortAndTheLimitStands) {
  Make(Failure("exit"));
  Make(Failure("exit"));
  EXPECT_EQ(plan()->delay, absl::Seconds(2));
  Make(Failure("exit"), nullptr, /*stable=*/true);
  EXPECT_EQ(plan()->delay, absl::Seconds(1));
  EXPECT_FALSE(Make(Failure("exit"), nullptr, /*stable=*/true));
}

TEST_F(RestartPlanTest, AReloadOrAnAgeRestartBeginsDelayAndLimitAnew) {
  for (const Reason& reason : {Change("a.py"), Age()}) {
    plan_.reset();
    UseUpTheLimit();
    EXPECT_EQ(plan().limit().Used(now_), 3);
    EXPECT_TRUE(Make(reason));
    EXPECT_EQ(plan()->delay, absl::ZeroDuration());
    EXPECT_EQ(plan().limit().Used(now_), 0);
    EXPECT_TRUE(Make(Failure("exit")));
    EXPECT_EQ(plan()->delay, absl::Seconds(1));
  }
}

TEST_F(RestartPlanTest, ReloadsAreNotCounted) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Make(Change("a.py")));
  EXPECT_EQ(plan().limit().Used(now_), 0);
}

TEST_F(RestartPlanTest, TheLimitForgetsWhatIsLongAgo) {
  UseUpTheLimit();
  EXPECT_FALSE(Make(Failure("exit")));
  now_ += options_.limit_interval;
  EXPECT_TRUE(Make(Failure("exit")));
}

TEST_F(RestartPlanTest, ForgiveBeginsDelayAndLimitAnew) {
  UseUpTheLimit();
  plan().Forgive();
  EXPECT_EQ(plan().limit().Used(now_), 0);
  EXPECT_TRUE(Make(Failure("exit")));
  EXPECT_EQ(plan()->delay, absl::Seconds(1));
}

TEST_F(RestartPlanTest, TheTimeOfTheStopIsCountedFromTheDecision) {
  plan().OnStopped(now_);
  EXPECT_FALSE(plan().has_value());
  Make(Change("a.py"));
  plan().OnStopped(now_ + absl::Milliseconds(40));
  EXPECT_EQ(plan()->stopped_after, absl::Milliseconds(40));
}

}  // namespace
}  // namespace reinit
