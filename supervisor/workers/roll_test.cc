#include "supervisor/workers/roll.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace reinit {
namespace {

using Numbers = std::vector<int>;

class RollTest : public ::testing::Test {
 protected:
  RollTest() : workers_(4) {
    for (int i = 0; i < 4; ++i) {
      workers_[i].number = i + 1;
      workers_[i].serves = true;
    }
  }

  void Change() {
    for (Roll::Worker& worker : workers_) worker.waits = true;
    roll_.Renew();
  }
  // Gives the change to those whose turn it is.
  Numbers Next() {
    const Roll::Step step = roll_.Next(workers_, well_, now_);
    look_again_ = step.look_again;
    for (const int number : step.take) {
      Roll::Worker& worker = At(number);
      EXPECT_TRUE(worker.waits);
      worker.waits = worker.serves = false;
      worker.works = true;
    }
    return step.take;
  }
  void Serve(int number) {
    At(number).works = false;
    At(number).serves = true;
  }
  void End(int number) {
    At(number).works = At(number).serves = false;
    At(number).failed = true;
  }
  Roll::Worker& At(int number) { return workers_[number - 1]; }

  bool well_ = true;
  absl::Time now_ = absl::UnixEpoch();
  absl::Time look_again_;
  std::vector<Roll::Worker> workers_;
  Roll roll_{1, absl::ZeroDuration()};
};

TEST_F(RollTest, WithoutAChangeNobodyIsTaken) {
  EXPECT_EQ(Next(), Numbers());
  EXPECT_FALSE(roll_.under_way());
}

TEST_F(RollTest, OneAfterTheOther) {
  Change();
  EXPECT_TRUE(roll_.under_way());
  for (int number = 1; number <= 4; ++number) {
    EXPECT_EQ(Next(), Numbers({number}));
    EXPECT_EQ(Next(), Numbers());
    Serve(number);
  }
  EXPECT_EQ(Next(), Numbers());
  EXPECT_FALSE(roll_.under_way());
}

TEST_F(RollTest, TheCanaryIsAloneWhateverTheParallelism) {
  roll_ = Roll(2, absl::ZeroDuration());
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  Serve(1);
  EXPECT_EQ(Next(), Numbers({2, 3}));
  Serve(2);
  EXPECT_EQ(Next(), Numbers());
  Serve(3);
  EXPECT_EQ(Next(), Numbers({4}));
}

TEST_F(RollTest, ACanaryThatDoesNotServeHoldsTheOthers) {
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Next(), Numbers());
  EXPECT_FALSE(roll_.stopped());
}

TEST_F(RollTest, ACanaryThatHasEndedForGoodStopsIt) {
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  End(1);
  EXPECT_EQ(Next(), Numbers());
  EXPECT_TRUE(roll_.stopped());
  EXPECT_EQ(Next(), Numbers());
  // The next change starts with that one, which serves nobody anyway.
  Change();
  EXPECT_FALSE(roll_.stopped());
  EXPECT_EQ(Next(), Numbers({1}));
}

TEST_F(RollTest, ANewerChangeGoesToACanaryThatIsNotDone) {
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  EXPECT_EQ(Next(), Numbers());
  Serve(1);
  EXPECT_EQ(Next(), Numbers({2}));
}

TEST_F(RollTest, ANewerChangeBeginsAgainWithACanary) {
  Change();
  Next();
  Serve(1);
  EXPECT_EQ(Next(), Numbers({2}));
  Change();
  EXPECT_EQ(Next(), Numbers());  // 2 is not to be the second one that is away
  Serve(2);
  EXPECT_EQ(Next(), Numbers({1}));
  EXPECT_EQ(Next(), Numbers());
  Serve(1);
  EXPECT_EQ(Next(), Numbers({2}));
}

TEST_F(RollTest, OneThatDoesNotServeAnywayIsTakenFirstAndAlone) {
  roll_ = Roll(3, absl::ZeroDuration());
  At(3).serves = false;
  Change();
  EXPECT_EQ(Next(), Numbers({3}));
  Serve(3);
  At(2).serves = false;
  EXPECT_EQ(Next(), Numbers({2}));
  Serve(2);
  EXPECT_EQ(Next(), Numbers({1, 4}));
}

TEST_F(RollTest, RestsForTheMonitorTime) {
  roll_ = Roll(1, absl::Seconds(5));
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  Serve(1);
  EXPECT_EQ(Next(), Numbers());
  EXPECT_EQ(look_again_, now_ + absl::Seconds(5));
  now_ += absl::Seconds(5);
  EXPECT_EQ(Next(), Numbers({2}));
}

TEST_F(RollTest, AFailureWithinTheMonitorTimeStopsIt) {
  roll_ = Roll(1, absl::Seconds(5));
  Change();
  Next();
  Serve(1);
  Next();
  now_ += absl::Seconds(1);
  At(1).serves = false;
  EXPECT_EQ(Next(), Numbers());
  EXPECT_TRUE(roll_.stopped());
  At(1).serves = true;
  now_ += absl::Seconds(60);
  EXPECT_EQ(Next(), Numbers());
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
}

TEST_F(RollTest, WaitsForACheckOfTheWhole) {
  well_ = false;  // the change may be the cure
  Change();
  EXPECT_EQ(Next(), Numbers({1}));
  Serve(1);
  EXPECT_EQ(Next(), Numbers());
  EXPECT_TRUE(roll_.under_way());
  well_ = true;
  EXPECT_EQ(Next(), Numbers({2}));
}

TEST_F(RollTest, WaitsWhileAReplacedOneDoesNotServe) {
  Change();
  Next();
  Serve(1);
  EXPECT_EQ(Next(), Numbers({2}));
  At(1).serves = false;
  Serve(2);
  EXPECT_EQ(Next(), Numbers());
  EXPECT_FALSE(roll_.stopped());
  At(1).serves = true;
  EXPECT_EQ(Next(), Numbers({3}));
}

}  // namespace
}  // namespace reinit
