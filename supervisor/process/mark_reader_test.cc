#include "supervisor/process/mark_reader.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "supervisor/process/mark.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using Verdict = Marks::Verdict;

TEST(MarkTest, MarksAreKnownByTheirNames) {
  EXPECT_TRUE(IsMark(NewInstanceMark()));
  EXPECT_TRUE(IsMark(NewJobMark()));
  EXPECT_FALSE(IsMark("REINIT_INSTANCES=1"));
  EXPECT_FALSE(IsMark("PATH=/bin"));
}

class MarksTest : public ::testing::Test {
 protected:
  MarksTest() : marks_(&world_.marks()), question_(marks_) {
    pid_ = world_.os().AddStranger("one", FakeOs::kSelf);
    world_.os().process(pid_).mark = kMark;
  }

  FakeOs& os() { return world_.os(); }
  Verdict Of(const std::string& mark = kMark) {
    return marks_->Of(*os().ReadProcess(pid_), mark);
  }
  void Ask() {
    question_.Ask({*os().ReadProcess(pid_)}, [this] { ++told_; });
    world_.Settle();
  }

  static constexpr char kMark[] = "REINIT_INSTANCE=one";

  FakeWorld world_;
  MarkReader* const marks_;
  Marks::Question question_;
  pid_t pid_ = 0;
  int told_ = 0;
};

TEST_F(MarksTest, IsUnknownUntilAChildHasReadIt) {
  EXPECT_EQ(Of(), Verdict::kUnknown);
  EXPECT_EQ(os().environments_read(), 0);
  Ask();
  EXPECT_EQ(told_, 1);
  EXPECT_FALSE(question_.waiting());
  EXPECT_EQ(Of(), Verdict::kHas);
  EXPECT_EQ(Of("REINIT_INSTANCE=on"), Verdict::kHasNot);
  EXPECT_EQ(Of("REINIT_JOB=one"), Verdict::kHasNot);
  EXPECT_EQ(os().environments_read(), 1);
}

TEST_F(MarksTest, APidThatIsGivenAnewIsUnknown) {
  Ask();
  os().process(pid_).started += 1;
  EXPECT_EQ(Of(), Verdict::kUnknown);
}

TEST_F(MarksTest, WhatCannotBeReadIsReadAgainAfterAWhile) {
  os().process(pid_).unreadable = true;
  Ask();
  EXPECT_EQ(Of(), Verdict::kUnreadable);
  os().process(pid_).unreadable = false;
  world_.Advance(MarkReader::kReadAgain);
  EXPECT_EQ(Of(), Verdict::kUnknown);
  Ask();
  EXPECT_EQ(Of(), Verdict::kHas);
}

TEST_F(MarksTest, InStateDItIsNotRead) {
  os().process(pid_).state = 'D';
  EXPECT_EQ(Of(), Verdict::kUnreadable);
  EXPECT_TRUE(marks_->Knows(*os().ReadProcess(pid_)));
}

TEST_F(MarksTest, ACancelledQuestionIsNotTold) {
  question_.Ask({*os().ReadProcess(pid_)}, [this] { ++told_; });
  question_.Cancel();
  world_.Settle();
  EXPECT_EQ(told_, 0);
  EXPECT_EQ(Of(), Verdict::kHas);
}

TEST_F(MarksTest, OneThatIsToldMayEndAnother) {
  auto other = std::make_unique<Marks::Question>(marks_);
  question_.Ask({*os().ReadProcess(pid_)}, [&other] { other.reset(); });
  other->Ask({*os().ReadProcess(pid_)}, [this] { ++told_; });
  world_.Settle();
  EXPECT_EQ(told_, 0);
}

TEST_F(MarksTest, AQuestionMayBelongToItsCallback) {
  const auto told = std::make_shared<int>(0);
  auto own = std::make_shared<Marks::Question>(marks_);
  own->Ask({*os().ReadProcess(pid_)}, [own, told] { ++*told; });
  const std::weak_ptr<Marks::Question> there = own;
  own.reset();
  EXPECT_FALSE(there.expired());
  world_.Settle();
  EXPECT_EQ(*told, 1);
  EXPECT_TRUE(there.expired());
}

TEST_F(MarksTest, WhatHasEndedIsForgotten) {
  for (int i = 0; i < 3000; ++i) {
    const pid_t pid = os().AddStranger("passing", FakeOs::kSelf);
    marks_->Learn({*os().ReadProcess(pid)});
    world_.Settle();
    os().Vanish(pid);
  }
  EXPECT_LE(marks_->size(), 1024u);
}

}  // namespace
}  // namespace reinit
