#include "supervisor/watch/tree/summary.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(WatchSummaryTest, CountsWhatWouldBeWatched) {
  const WatchedFolder folder;
  folder.MakeDirectory("src/deep");
  folder.MakeDirectory("node_modules/x");
  folder.Write("src/a.py", "");
  folder.Write("src/deep/b.py", "");
  folder.Write("src/deep/c.py", "");
  folder.Write("notes.txt", "");
  folder.Write("node_modules/x/d.py", "");
  const FilterOptions filter{.extensions = {"py"}};
  EXPECT_THAT(
      WatchSummary({folder.path(), folder.Path("notes.txt")}, filter),
      ElementsAre(
          absl::StrCat(folder.path(), ": 3 files in 3 folders, most in ",
                       folder.Path("src/deep"), " (2), ", folder.Path("src"),
                       " (1)"),
          absl::StrCat(folder.Path("notes.txt"), ": 1 file in 0 folders")));
}

TEST(StampSummaryTest, SaysWhatEachPathIs) {
  const WatchedFolder folder;
  const std::vector<std::string> lines =
      StampSummary({folder.path(), "/proc", folder.Path("none")});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], AnyOf(HasSubstr("fine-grained"), HasSubstr("coarse")));
  EXPECT_THAT(lines[1], HasSubstr("/proc: file stamps are coarse (proc, "));
}

}  // namespace
}  // namespace reinit
