// What the user has named: files, symlinks and directories that come and go.
#include <sys/mount.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/watch/tree/own_world.h"
#include "supervisor/watch/tree/sample_tree.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::IsEmpty;

TEST(TreeRootTest, FileRoot) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  folder.Write("other", "1");
  const auto tree = ScannedTree({folder.Path("a")});
  EXPECT_EQ(tree->files(), 1U);
  folder.Append("other", "2");
  tree->Sweep();
  EXPECT_FALSE(tree->findings().changed());
  folder.Write("b", "1");
  folder.Rename("b", "a");
  tree->Sweep();
  FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.count, 1U);
  EXPECT_EQ(changes.first, folder.Path("a"));
  folder.Append("a", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

// Here it stays what it was, so a reload would read the old content.
TEST(TreeRootTest, AMountedFileThatIsReplacedOutsideHasNotChanged) {
  const auto result = WithOwnMounts([] {
    const WatchedFolder folder;
    folder.MakeDirectory("in");
    folder.Write("in/file", "");
    folder.Write("outside", "1");
    if (::mount(folder.Path("outside").c_str(), folder.Path("in/file").c_str(),
                nullptr, MS_BIND, nullptr) != 0) {
      return 77;
    }
    const auto tree = ScannedTree({folder.Path("in/file"), folder.Path("in")});
    folder.NextTick();
    folder.Write("new", "2");
    folder.Rename("new", "outside");
    tree->Sweep();
    const bool changed = tree->findings().changed();
    ::umount(folder.Path("in/file").c_str());
    return changed ? 1 : 0;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(*result, 0);
}

TEST(TreeRootTest, SymlinkToAFile) {
  const WatchedFolder folder;
  folder.Write("one", "1");
  folder.Write("two", "1");
  folder.Link("one", "link");
  const auto tree = ScannedTree({folder.Path("link")});
  folder.Append("one", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U) << "the target counts";
  folder.Link("two", "x");
  folder.Rename("x", "link");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U) << "the link counts";
  folder.Append("two", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U) << "the new target counts";
}

TEST(TreeRootTest, SymlinkToADirectory) {
  const WatchedFolder folder;
  folder.MakeDirectory("v1");
  folder.MakeDirectory("v2");
  folder.Write("v1/a", "1");
  folder.Write("v2/a", "1");
  folder.Link("v1", "current");
  const auto tree = ScannedTree({folder.Path("current")});
  EXPECT_EQ(tree->files(), 1U);
  folder.Link("v2", "x");
  folder.Rename("x", "current");
  tree->Sweep();
  FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.first, folder.Path("current/a"));
  folder.Append("v1/a", "2");
  tree->Sweep();
  EXPECT_FALSE(tree->findings().changed());
  folder.Append("v2/a", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

TEST(TreeRootTest, DirectoryReplacedBetweenTwoLooks) {
  const WatchedFolder folder;
  folder.MakeDirectory("app");
  folder.Write("app/a", "1");
  const auto tree = ScannedTree({folder.Path("app")});
  folder.Rename("app", "old");
  folder.MakeDirectory("app");
  folder.Write("app/a", "1");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
  EXPECT_THAT(tree->TakeRootEvents(), IsEmpty());
}

class GoneRootTest : public ::testing::TestWithParam<bool> {};

TEST_P(GoneRootTest, IsReportedOnceAndPickedUpAgain) {
  const WatchedFolder folder;
  const bool directory = GetParam();
  if (directory) {
    folder.MakeDirectory("root/sub");
    folder.Write("root/sub/a", "1");
  } else {
    folder.Write("root", "1");
  }
  folder.Write("other", "1");
  const auto tree = ScannedTree({folder.Path("root"), folder.Path("other")});
  const uint64_t before = tree->digest();
  folder.Rename("root", "away");
  tree->Sweep();
  EXPECT_THAT(tree->TakeRootEvents(), IsEmpty()) << "might be a replacement";
  for (int i = 0; i < 3; ++i) {
    tree->Sweep();
    const auto events = tree->TakeRootEvents();
    ASSERT_EQ(events.size(), i == 0 ? 1U : 0U);
    if (i == 0) {
      EXPECT_TRUE(events[0].gone);
      EXPECT_EQ(events[0].path, folder.Path("root"));
    }
  }
  EXPECT_FALSE(tree->findings().changed());
  EXPECT_EQ(tree->digest(), before);
  folder.Append("other", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U) << "the other is still watched";
  folder.Rename("away", "root");
  tree->Sweep();
  const auto events = tree->TakeRootEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_FALSE(events[0].gone);
  const FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.count, 1U);
  EXPECT_EQ(changes.first, folder.Path(directory ? "root/sub/a" : "root"));
  EXPECT_EQ(tree->digest(),
            ScannedTree({folder.Path("root"), folder.Path("other")})->digest());
  folder.Append(directory ? "root/sub/a" : "root", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoneRootTest, ::testing::Bool(),
                         [](const auto& kind) {
                           return kind.param ? "Directory" : "File";
                         });

TEST(GoneRootTest, EmptyDirectoryThatReturnsIsAChange) {
  const WatchedFolder folder;
  folder.MakeDirectory("root");
  const auto tree = ScannedTree({folder.Path("root")});
  folder.Remove("root");
  tree->Sweep();
  tree->Sweep();
  EXPECT_EQ(tree->TakeRootEvents().size(), 1U);
  folder.MakeDirectory("root");
  tree->Sweep();
  const FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.count, 1U);
  EXPECT_EQ(changes.first, folder.Path("root"));
}

TEST(GoneRootTest, MissingFromTheBeginning) {
  const WatchedFolder folder;
  const auto tree = ScannedTree({folder.Path("later")});
  EXPECT_EQ(tree->TakeRootEvents().size(), 1U);
  folder.Write("later", "1");
  tree->Sweep();
  EXPECT_EQ(tree->TakeRootEvents().size(), 1U);
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

TEST(TreeRootTest, RelativePathsAreShownAsGiven) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  const std::string cwd = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  struct {
    const char* root;
    const char* first;
  } const rows[] = {{".", "src/a.py"},
                    {"./", "src/a.py"},
                    {"src", "src/a.py"},
                    {"./src/", "./src/a.py"},
                    {"src/a.py", "src/a.py"}};
  for (const auto& row : rows) {
    const auto tree = ScannedTree({row.root});
    folder.Append("src/a.py", "2");
    tree->Sweep();
    EXPECT_EQ(tree->TakeChanges().first, row.first);
  }
  std::filesystem::current_path(cwd);
}

}  // namespace
}  // namespace reinit
