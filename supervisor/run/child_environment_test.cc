#include "supervisor/run/child_environment.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/process/mark.h"

namespace reinit {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(ChildEnvironmentTest, FirstStart) {
  EXPECT_THAT(ChildEnvironment({"A=b", "REINIT_PORT=tcp://x"},
                               "REINIT_INSTANCE=1", 1, nullptr),
              ElementsAre("A=b", "REINIT_PORT=tcp://x", "REINIT_INSTANCE=1",
                          "REINIT_GENERATION=1", "REINIT_REASON=start"));
}

TEST(ChildEnvironmentTest, AReload) {
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.text = "a.py and 2 more";
  reason.changed = "a.py";
  EXPECT_THAT(ChildEnvironment({}, "REINIT_INSTANCE=1", 3, &reason),
              ElementsAre("REINIT_INSTANCE=1", "REINIT_GENERATION=3",
                          "REINIT_REASON=file: a.py and 2 more",
                          "REINIT_CHANGED=a.py"));
}

TEST(ChildEnvironmentTest, AllFilesOfAReload) {
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.files.Add("a.py");
  reason.files.Add("b.py");
  reason.files.SetCount(1000);
  const auto result = ChildEnvironment(
      {"REINIT_CHANGED_FILES=x", "REINIT_CHANGED_COUNT=9"}, "", 2, &reason);
  EXPECT_THAT(result, Contains("REINIT_CHANGED_FILES=a.py\nb.py"));
  EXPECT_THAT(result, Contains("REINIT_CHANGED_COUNT=1000"));
  EXPECT_THAT(result, Not(Contains(StartsWith("REINIT_CHANGED_FILES=x"))));
  EXPECT_THAT(result, Not(Contains("REINIT_CHANGED_COUNT=9")));
}

TEST(ChildEnvironmentTest, OurNamesAreReplacedNotDoubled) {
  // reinit inside of reinit.
  EXPECT_THAT(ChildEnvironment({"REINIT_INSTANCE=outer", "REINIT_CHANGED=x"},
                               "REINIT_INSTANCE=inner", 1, nullptr),
              ElementsAre("REINIT_INSTANCE=inner", "REINIT_GENERATION=1",
                          "REINIT_REASON=start"));
}

TEST(ChildEnvironmentTest, HostileNamesAreCut) {
  Reason reason;
  reason.cause = Reason::Cause::kFile;
  reason.changed = std::string(100000, 'x');
  reason.text = std::string("a\0b", 3);
  const auto result = ChildEnvironment({}, "REINIT_INSTANCE=1", 2, &reason);
  EXPECT_THAT(result, Contains("REINIT_REASON=file: a"));
  EXPECT_THAT(result,
              Contains(SizeIs(sizeof("REINIT_CHANGED=") - 1 + kMaxVariable)));
}

TEST(ChildEnvironmentTest, MarksDiffer) {
  EXPECT_THAT(NewInstanceMark(), StartsWith("REINIT_INSTANCE="));
  EXPECT_NE(NewInstanceMark(), NewInstanceMark());
}

}  // namespace
}  // namespace reinit
