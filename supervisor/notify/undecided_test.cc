#include "supervisor/notify/undecided.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class UndecidedTest : public ::testing::Test {
 protected:
  UndecidedTest()
      : undecided_(world_.context(), [this](const Undecided::Message& message) {
          heard_.push_back(
              absl::StrCat(message.sender, " ", *message.content.status));
        }) {}

  FakeOs& os() { return world_.os(); }
  pid_t AddOrphan() { return os().AddStranger("orphan", FakeOs::kSelf); }
  bool Add(pid_t sender, pid_t orphan, const std::string& text) {
    NotifyMessage content;
    content.status = text;
    if (undecided_.Waits(sender)) return undecided_.AddNext(sender, content);
    return undecided_.Add({sender, *os().ReadProcess(orphan), 0, content});
  }

  FakeWorld world_;
  std::vector<std::string> heard_;
  Undecided undecided_;
};

TEST_F(UndecidedTest, MessagesOfASenderStayInOrder) {
  const pid_t orphan = AddOrphan();
  EXPECT_TRUE(Add(7, orphan, "one"));
  EXPECT_TRUE(Add(7, orphan, "two"));
  EXPECT_TRUE(undecided_.Waits(7));
  EXPECT_THAT(heard_, IsEmpty());
  world_.Settle();
  EXPECT_THAT(heard_, ElementsAre("7 one", "7 two"));
  EXPECT_FALSE(undecided_.Waits(7));
}

// The first child hangs at one orphan, the next reads on about the other.
TEST_F(UndecidedTest, OneThatHangsHoldsUpOnlyItsOwn) {
  const pid_t hung = AddOrphan();
  os().set_hold_forks(true);
  Add(7, hung, "hung");
  world_.Settle();
  os().set_hold_forks(false);
  const pid_t orphan = AddOrphan();
  Add(8, orphan, "eight");
  world_.Advance(absl::Milliseconds(50));
  EXPECT_THAT(heard_, ::testing::Contains("8 eight"));
}

TEST_F(UndecidedTest, OnlySoManyWait) {
  const pid_t talker = AddOrphan();
  for (size_t i = 0; i < Undecided::kMostOfOne; ++i) {
    EXPECT_TRUE(Add(7, talker, "more"));
  }
  EXPECT_FALSE(Add(7, talker, "too much"));
  for (size_t i = Undecided::kMostOfOne; i < Undecided::kMost; ++i) {
    const pid_t orphan = AddOrphan();
    EXPECT_TRUE(Add(orphan, orphan, "one"));
  }
  const pid_t late = AddOrphan();
  EXPECT_FALSE(Add(late, late, "too many"));
  world_.Settle();
  EXPECT_EQ(heard_.size(), Undecided::kMost);
}

}  // namespace
}  // namespace reinit
