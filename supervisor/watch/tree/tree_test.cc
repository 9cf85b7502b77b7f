#include "supervisor/watch/tree/tree.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/tree/own_world.h"
#include "supervisor/watch/tree/sample_tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TreeTest, SecondAtomicSaveIsSeenToo) {
  const WatchedFolder folder;
  folder.Write("a", "1");
  const auto tree = ScannedTree({folder.path()});
  for (int i = 0; i < 3; ++i) {
    folder.Write("a~", "1");
    folder.Rename("a~", "a");
    tree->Sweep();
    EXPECT_EQ(tree->TakeChanges().count, 1U) << i;
  }
}

// How many of 500 files are seen that come one by one, each right after its
// directory was read: in the same tick of the clock the directory's stamp may
// not show it.
size_t SeenOf500(const WatchedFolder& folder) {
  const auto tree = ScannedTree({folder.path()});
  size_t seen = 0;
  for (int i = 0; i < 500; ++i) {
    folder.Write(absl::StrCat("f", i), "");
    tree->Sweep();
    seen += tree->TakeChanges().count;
  }
  tree->Sweep();
  return seen + tree->TakeChanges().count;
}

TEST(TreeTest, FilesMadeInOneTickAreAllSeen) {
  EXPECT_EQ(SeenOf500(WatchedFolder()), 500U);
}

// Since Linux 6.13 most file systems stamp finely once somebody has looked;
// ramfs does not, as none did before.
TEST(TreeTest, FilesMadeInOneTickAreAllSeenWithACoarseClock) {
  const WatchedFolder folder;
  const auto result = WithOwnMounts([&folder] {
    if (::mount("none", folder.path().c_str(), "ramfs", 0, nullptr) != 0) {
      return 1;
    }
    return SeenOf500(folder) == 500 ? 0 : 2;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(*result, 0);
}

TEST(TreeTest, ExtensionsFilterFilesBelowARootOnly) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  const auto tree =
      ScannedTree({folder.Path("src"), folder.Path("notes.txt")}, 10, {"py"});
  folder.Append("src/a.py", "2");
  folder.Write("src/a.txt", "2");
  folder.Append("notes.txt", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 2U);
}

TEST(TreeTest, ExcludedNameCanBeARoot) {
  const WatchedFolder folder;
  folder.MakeDirectory("node_modules/lib");
  folder.Write("x~", "");
  const auto tree =
      ScannedTree({folder.Path("node_modules"), folder.Path("x~")});
  folder.Write("node_modules/lib/a.js", "");
  folder.Append("x~", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 2U);
}

TEST(TreeTest, RecheckSeesWhatChangesAgainAndOnlyThat) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  const auto tree = ScannedTree({folder.path()});
  folder.NextTick();
  tree->Sweep();
  folder.Append("src/a.py", "2");
  tree->Sweep();
  uint64_t revision = tree->revision();
  tree->Recheck();
  EXPECT_EQ(tree->revision(), revision);
  folder.Append("src/a.py", "3");
  folder.Write("src/new.py", "");       // in a directory known to change
  folder.Append("src/deep/c.py", "2");  // elsewhere
  tree->Recheck();
  EXPECT_EQ(tree->revision(), revision + 2);
  tree->Sweep();
  EXPECT_EQ(tree->revision(), revision + 3);
  EXPECT_EQ(tree->TakeChanges().count, 3U) << "a.py counts once";
  folder.Append("src/a.py", "4");
  tree->Recheck();
  EXPECT_FALSE(tree->findings().changed()) << "forgotten";
}

TEST(TreeTest, RecheckFollowsANewDirectory) {
  const WatchedFolder folder;
  const auto tree = ScannedTree({folder.path()});
  folder.MakeDirectory("a");
  folder.Write("a/one", "");
  tree->Sweep();
  folder.Write("a/two", "");
  folder.MakeDirectory("a/b/c");
  folder.Write("a/b/c/three", "");
  tree->Recheck();
  EXPECT_EQ(tree->TakeChanges().count, 3U);
}

TEST(TreeTest, RecognisablePathIsPreferred) {
  const WatchedFolder folder;
  const auto tree = ScannedTree({folder.path()});
  folder.MakeDirectory("..v2");
  folder.Write("..v2/key", "");
  folder.Write(".hidden", "");
  folder.MakeDirectory("z");
  folder.Write("z/plain", "");
  tree->Sweep();
  const FoundChanges changes = tree->TakeChanges();
  EXPECT_EQ(changes.count, 3U);
  EXPECT_EQ(changes.first, folder.Path("z/plain"));
}

TEST(TreeTest, AFileHasTheSameNameEachTime) {
  const WatchedFolder folder;
  const auto tree = ScannedTree({folder.path()});
  folder.Write("a", "1");
  tree->Sweep();
  const FoundChanges one = tree->TakeChanges(2);
  EXPECT_EQ(one.names.size(), 1U);
  folder.Write("a", "22");
  folder.Write("b", "");
  tree->Sweep();
  const FoundChanges both = tree->TakeChanges(2);
  EXPECT_EQ(both.names.size(), 2U);
  EXPECT_THAT(both.names, testing::IsSupersetOf(one.names));
  folder.Write("a", "333");
  folder.Write("b", "1");
  tree->Sweep();
  const FoundChanges some = tree->TakeChanges(1);
  EXPECT_EQ(some.count, 2U);
  EXPECT_EQ(some.names.size(), 1U);
}

TEST(TreeTest, LargestDirectoryIsNamed) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  for (int i = 0; i < 5; ++i) folder.Write(absl::StrCat("src/deep/", i), "");
  const auto tree = ScannedTree({folder.path()});
  EXPECT_EQ(tree->LargestDirectories(1)[0].first, folder.Path("src/deep"));
  EXPECT_EQ(tree->files(), 11U);
}

TEST(TreeTest, DeeperThanAnyPathMayBe) {
  const WatchedFolder folder;
  const std::string name(200, 'd');
  UniqueFd at(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY));
  const int depth = 100;  // 20,000 bytes
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at.valid());
  }
  for (const size_t max_open : {size_t{1000}, size_t{0}}) {
    const auto tree = ScannedTree({folder.path()}, max_open);
    EXPECT_EQ(tree->directories(), depth + 1U);
    const UniqueFd file(::openat(at.get(), max_open == 0 ? "x" : "y",
                                 O_CREAT | O_WRONLY, 0644));
    ASSERT_TRUE(file.valid());
    tree->Sweep();
    EXPECT_EQ(tree->TakeChanges().count, 1U);
  }
}

TEST(TreeTest, ProcBelowARootIsNotEntered) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  folder.MakeDirectory("proc");
  const auto result = WithOwnMounts([&folder] {
    if (::mount("/proc", folder.Path("proc").c_str(), nullptr, MS_BIND | MS_REC,
                nullptr) != 0) {
      return 1;
    }
    const auto below = ScannedTree({folder.path()});
    const auto root = ScannedTree({folder.Path("proc/self/net")});
    return below->files() == 6 && root->directories() > 0 ? 0 : 2;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(*result, 0);
}

// Gives up, for its life, root's right to read everything.
class NoOverride {
 public:
  NoOverride() {
    EXPECT_EQ(::syscall(SYS_capget, &header_, saved_), 0);
    __user_cap_data_struct fewer[2] = {saved_[0], saved_[1]};
    fewer[0].effective &=
        ~((1U << CAP_DAC_OVERRIDE) | (1U << CAP_DAC_READ_SEARCH));
    EXPECT_EQ(::syscall(SYS_capset, &header_, fewer), 0);
  }
  ~NoOverride() { EXPECT_EQ(::syscall(SYS_capset, &header_, saved_), 0); }
  NoOverride(const NoOverride&) = delete;
  NoOverride& operator=(const NoOverride&) = delete;

 private:
  __user_cap_header_struct header_ = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct saved_[2] = {};
};

TEST(TreeTest, UnreadableDirectoryIsSaidOnceAndPickedUpLater) {
  const NoOverride no_override;
  const WatchedFolder folder;
  MakeSampleTree(folder);
  ASSERT_EQ(::chmod(folder.Path("src/deep").c_str(), 0), 0);
  const auto tree = ScannedTree({folder.path()});
  EXPECT_THAT(tree->TakeWarnings(),
              ElementsAre(HasSubstr("src/deep: Permission denied")));
  tree->Sweep();
  EXPECT_THAT(tree->TakeWarnings(), IsEmpty());
  EXPECT_FALSE(tree->findings().changed());
  ASSERT_EQ(::chmod(folder.Path("src/deep").c_str(), 0755), 0);
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

// By content it would never change.
TEST(TreeTest, AFileThatCanNeverBeReadIsComparedByItsStamp) {
  const NoOverride no_override;
  const WatchedFolder folder;
  folder.Write("secret", "1");
  ASSERT_EQ(::chmod(folder.Path("secret").c_str(), 0), 0);
  const auto tree =
      ScannedTree({folder.path()}, 1000, {}, nullptr, WatchCompare::kHash);
  EXPECT_THAT(tree->TakeWarnings(),
              ElementsAre(HasSubstr("secret: Permission denied: compared by")));
  folder.NextTick();
  tree->Sweep();
  EXPECT_FALSE(tree->findings().changed());
  for (const char* const text : {"2", "3"}) {
    folder.Write("secret~", text);
    ASSERT_EQ(::chmod(folder.Path("secret~").c_str(), 0), 0);
    folder.Rename("secret~", "secret");
    tree->Sweep();
    EXPECT_EQ(tree->TakeChanges().count, 1U);
  }
  EXPECT_THAT(tree->TakeWarnings(), IsEmpty());
}

// The twin: one that was read keeps what it was.
TEST(TreeTest, AFileThatCannotBeReadForAMomentIsNoChange) {
  const NoOverride no_override;
  const WatchedFolder folder;
  folder.Write("secret", "1");
  const auto tree =
      ScannedTree({folder.path()}, 1000, {}, nullptr, WatchCompare::kHash);
  folder.NextTick();
  tree->Sweep();
  ASSERT_EQ(::chmod(folder.Path("secret").c_str(), 0), 0);
  tree->Sweep();
  ASSERT_EQ(::chmod(folder.Path("secret").c_str(), 0600), 0);
  tree->Sweep();
  EXPECT_FALSE(tree->findings().changed());
  folder.Write("secret", "2");
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

TEST(TreeTest, ATreeThatChangesWhileItIsReadEndsUpRight) {
  const WatchedFolder folder;
  const auto tree = ScannedTree({folder.path()}, 3);
  // Many generations, each replacing directories and files.
  for (int i = 0; i < 50; ++i) {
    const std::string name = absl::StrCat("d", i % 5);
    if (i >= 5) folder.Remove(name);
    folder.MakeDirectory(absl::StrCat(name, "/x/y"));
    folder.Write(absl::StrCat(name, "/x/y/f", i), "");
    if (i % 3 == 0) tree->Sweep();
    if (i % 7 == 0) tree->Recheck();
    if (i % 11 == 0) tree->TakeChanges();
  }
  tree->Sweep();
  const auto fresh = ScannedTree({folder.path()});
  EXPECT_EQ(tree->digest(), fresh->digest());
  EXPECT_EQ(tree->files(), fresh->files());
  EXPECT_EQ(tree->directories(), fresh->directories());
}

TEST(TreeTest, DigestIsOfTheState) {
  const WatchedFolder folder;
  MakeSampleTree(folder);
  const uint64_t before = ScannedTree({folder.path()})->digest();
  EXPECT_EQ(ScannedTree({folder.path()}, 0)->digest(), before);
  folder.MakeDirectory("empty");
  EXPECT_EQ(ScannedTree({folder.path()})->digest(), before);
  folder.Append("app.py", "2");
  EXPECT_NE(ScannedTree({folder.path()})->digest(), before);
  EXPECT_NE(ScannedTree({folder.Path("src")})->digest(), before);
}

TEST(TreeTest, LessThan200BytesAFile) {
  const WatchedFolder folder;
  for (int d = 0; d < 10; ++d) {
    folder.MakeDirectory(absl::StrCat("directory", d));
    for (int i = 0; i < 100; ++i) {
      folder.Write(absl::StrCat("directory", d, "/some_module_", i, ".py"), "");
    }
  }
  const auto tree = ScannedTree({folder.path()});
  EXPECT_EQ(tree->files(), 1000U);
  EXPECT_LT(tree->MemoryUsed(), 200U * 1000U);
}

TEST(TreeTest, FoldersThatChangedLastCanBeSweptAlone) {
  const WatchedFolder folder;
  constexpr size_t kFolders = Tree::kMaxRecent + 2;
  const auto file = [](size_t i) { return absl::StrCat("d", i, "/file"); };
  for (size_t i = 0; i < kFolders; ++i) {
    folder.MakeDirectory(absl::StrCat("d", i));
    folder.Write(file(i), "");
  }
  const auto tree = ScannedTree({folder.path()});
  const auto append_to_all = [&] {
    for (size_t i = 0; i < kFolders; ++i) folder.Append(file(i), "x");
  };
  append_to_all();
  tree->Sweep(Tree::Scope::kRecent);
  EXPECT_EQ(tree->TakeChanges().count, 0U) << "nothing has changed so far";
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, kFolders);
  append_to_all();
  tree->Sweep(Tree::Scope::kRecent);
  EXPECT_EQ(tree->TakeChanges().count, Tree::kMaxRecent) << "of the last ones";
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, kFolders - Tree::kMaxRecent);
  folder.Append(file(kFolders - 1), "x");
  folder.Remove("d3");
  tree->Sweep(Tree::Scope::kRecent);
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 2U);
  folder.MakeDirectory("d3");  // perhaps in its slot
  folder.Write(file(3), "");
  tree->Sweep(Tree::Scope::kRecent);
  tree->Sweep();
  EXPECT_EQ(tree->TakeChanges().count, 1U);
}

}  // namespace
}  // namespace reinit
