#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/own_world.h"
#include "supervisor/watch/tree/sample_tree.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

using F = const WatchedFolder&;

// Looks only where the kernel announces something.
class AnnouncedTest : public ::testing::Test {
 protected:
  void Scan(std::vector<std::string> roots, size_t max_open = 1000) {
    ASSERT_EQ(announcer_.Open(), 0);
    tree_ = ScannedTree(std::move(roots), max_open, {}, &announcer_);
    folder_.NextTick();
    EXPECT_FALSE(tree_->Sweeps()) << "something is not covered";
  }
  size_t Look() {
    tree_->LookAnnounced();
    return tree_->TakeChanges().count;
  }

  const WatchedFolder folder_;
  Announcer announcer_;
  std::unique_ptr<Tree> tree_;
};

TEST_F(AnnouncedTest, NothingIsLookedAtWithoutAnAnnouncement) {
  folder_.Write("a", "1");
  ASSERT_EQ(::link(folder_.Path("a").c_str(),
                   absl::StrCat(folder_.path(), ".other").c_str()),
            0);
  Scan({folder_.path()});
  // Under its other name, outside: nobody says a word.
  std::ofstream(absl::StrCat(folder_.path(), ".other")) << "22";
  EXPECT_EQ(::unlink(absl::StrCat(folder_.path(), ".other").c_str()), 0);
  EXPECT_EQ(Look(), 0U);
  tree_->Sweep();
  EXPECT_EQ(tree_->TakeChanges().count, 1U);
}

// Made at once: `b` and what is in it may be there before `a` is watched.
TEST_F(AnnouncedTest, NestedDirectoriesMadeAtOnceAreRaced) {
  Scan({folder_.path()});
  constexpr int kRounds = 300;
  std::thread maker([this] {
    for (int i = 0; i < kRounds; ++i) {
      folder_.MakeDirectory(absl::StrCat("d", i, "/a/b/c"));
      folder_.Write(absl::StrCat("d", i, "/a/b/c/file"), "1");
    }
  });
  while (tree_->files() < kRounds / 2) Look();
  maker.join();
  Look();
  EXPECT_EQ(tree_->files(), static_cast<size_t>(kRounds));
  // And all of them are watched.
  for (int i = 0; i < kRounds; ++i) {
    folder_.Append(absl::StrCat("d", i, "/a/b/c/file"), "2");
  }
  EXPECT_EQ(Look(), static_cast<size_t>(kRounds));
}

TEST_F(AnnouncedTest, MovesOutInAndWithin) {
  MakeSampleTree(folder_);
  folder_.MakeDirectory("root");
  folder_.Rename("src", "root/src");
  Scan({folder_.Path("root")});
  folder_.Rename("root/src", "root/moved");
  EXPECT_EQ(Look(), 6U);
  folder_.Append("root/moved/deep/c.py", "2");
  EXPECT_EQ(Look(), 1U);
  folder_.Rename("root/moved", "out");
  EXPECT_EQ(Look(), 3U);
  folder_.Append("out/deep/c.py", "2");
  EXPECT_EQ(Look(), 0U) << "not ours any more";
  folder_.Rename("out", "root/in");
  EXPECT_EQ(Look(), 3U);
  folder_.Append("root/in/deep/c.py", "2");
  EXPECT_EQ(Look(), 1U);
}

// More than the queue holds, of which the last are lost.
TEST_F(AnnouncedTest, OverflowIsSwept) {
  size_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0U);
  folder_.MakeDirectory("late");
  folder_.Write("late/file", "1");
  Scan({folder_.path()});
  const size_t files = limit / 2 + 1;  // each is two events and more
  for (size_t i = 0; i < files; ++i) folder_.Write(absl::StrCat("f", i), "1");
  folder_.Append("late/file", "2");
  EXPECT_EQ(Look(), files + 1);
  folder_.Append("late/file", "3");
  EXPECT_EQ(Look(), 1U) << "and it goes on";
}

TEST_F(AnnouncedTest, RootRemovedAndBack) {
  folder_.MakeDirectory("up/root");
  folder_.Write("up/root/a", "1");
  Scan({folder_.Path("up/root")});
  folder_.Remove("up");
  EXPECT_EQ(Look(), 0U);
  EXPECT_TRUE(tree_->MissesRoot());
  tree_->Sweep(Tree::Scope::kNotCovered);
  ASSERT_EQ(tree_->TakeRootEvents().size(), 1U);
  EXPECT_FALSE(tree_->Sweeps()) << "its return will be announced";
  folder_.MakeDirectory("up/root");
  folder_.Write("up/root/a", "1");
  EXPECT_EQ(Look(), 1U);
  EXPECT_EQ(tree_->TakeRootEvents().size(), 1U);
  folder_.Append("up/root/a", "2");
  EXPECT_EQ(Look(), 1U);
}

TEST_F(AnnouncedTest, RootAwayForAMomentWhileSomethingInItChanges) {
  folder_.MakeDirectory("root/deep");
  folder_.Write("root/deep/a", "1");
  Scan({folder_.Path("root")});
  folder_.Rename("root", "away");
  folder_.Append("away/deep/a", "2");
  EXPECT_EQ(Look(), 0U);
  folder_.Rename("away", "root");
  EXPECT_EQ(Look(), 1U);
  EXPECT_TRUE(tree_->TakeRootEvents().empty());
}

// Each link of the chain, and each directory on the way, replaced in turn.
TEST_F(AnnouncedTest, EveryLinkOfAChainIsWatched) {
  for (const char* version : {"v1", "v2", "v3"}) {
    folder_.MakeDirectory(absl::StrCat("releases/", version, "/app"));
    folder_.Write(absl::StrCat("releases/", version, "/app/main"), version);
  }
  folder_.MakeDirectory("links");
  folder_.Link("releases/v1", "current");
  folder_.Link("../current/app", "links/inner");
  folder_.Link("links/inner", "root");
  Scan({folder_.Path("root"), folder_.Path("root/main")});
  const auto retarget = [this](const char* target, const char* link) {
    folder_.Link(target, "tmp");
    folder_.Rename("tmp", link);
  };
  retarget("releases/v2", "current");
  EXPECT_EQ(Look(), 2U);
  retarget("../releases/v3/app", "links/inner");
  EXPECT_EQ(Look(), 2U);
  retarget("releases/v1/app", "root");
  EXPECT_GE(Look(), 2U);
  folder_.Append("releases/v1/app/main", "x");
  EXPECT_EQ(Look(), 2U);
  folder_.Append("releases/v2/app/main", "x");
  folder_.Append("releases/v3/app/main", "x");
  EXPECT_EQ(Look(), 0U);
}

// Links below a root are followed to the file, wherever that is.
TEST_F(AnnouncedTest, TargetsOfLinksBelow) {
  folder_.MakeDirectory("root");
  folder_.MakeDirectory("other");
  folder_.Write("other/file", "1");
  folder_.Link("../other/file", "root/link");
  Scan({folder_.Path("root")});
  folder_.Append("other/file", "2");
  EXPECT_EQ(Look(), 1U);
  folder_.Write("other/new", "3");
  folder_.Rename("other/new", "other/file");
  EXPECT_EQ(Look(), 1U);
  folder_.Remove("other/file");
  EXPECT_EQ(Look(), 1U);
  folder_.Write("other/file", "4");
  EXPECT_EQ(Look(), 1U);
}

TEST_F(AnnouncedTest, FileRootsAreWatchedByTheirDirectory) {
  folder_.Write("file", "1");
  folder_.Write("other", "1");
  Scan({folder_.Path("file"), folder_.Path("missing")});
  tree_->TakeRootEvents();
  folder_.Append("other", "2");
  EXPECT_EQ(Look(), 0U);
  for (int i = 0; i < 3; ++i) {
    folder_.Append("file", "2");
    EXPECT_EQ(Look(), 1U);
    folder_.Write("file~", "2");
    folder_.Rename("file~", "file");
    EXPECT_EQ(Look(), 1U);
  }
  folder_.Write("missing", "1");
  EXPECT_EQ(Look(), 1U);
}

// Whether files here are on a file system that tells all but mapped writes.
bool OnDisk(const std::string& path) {
  struct statfs fs;
  return ::statfs(path.c_str(), &fs) == 0 &&
         (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
          fs.f_type == static_cast<decltype(fs.f_type)>(BTRFS_SUPER_MAGIC));
}

// Four bytes of a file, mapped to be written; its descriptor is closed.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    at_ = ::mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    EXPECT_NE(at_, MAP_FAILED);
  }
  ~Mapping() { ::munmap(at_, 4); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  void Write(char c) {
    static_cast<volatile char*>(at_)[0] = c;
    EXPECT_EQ(::msync(at_, 4, MS_SYNC), 0);
  }

 private:
  void* at_;
};

TEST_F(AnnouncedTest, WhatIsAnnouncedLateIsNotSilent) {
  folder_.Write("file", "1234");
  Scan({folder_.path()});
  Mapping(folder_.Path("file")).Write('x');
  // The end of the mapping is announced, but here it is late.
  tree_->Audit();
  EXPECT_EQ(tree_->TakeChanges().count, 1U);
  Look();
  EXPECT_EQ(tree_->TakeSilent().file, "");
  EXPECT_FALSE(tree_->Sweeps());
}

TEST_F(AnnouncedTest, WritesThroughAMappingAreFoundByAudits) {
  if (!OnDisk(folder_.path())) GTEST_SKIP() << "not on a disk";
  folder_.MakeDirectory("deep");
  folder_.Write("deep/file", "1234");
  Scan({folder_.path()});
  Mapping mapping(folder_.Path("deep/file"));
  for (const char c : {'x', 'y', 'z'}) {
    folder_.NextTick();
    mapping.Write(c);
    EXPECT_EQ(Look(), 0U) << "it is announced: this test shows nothing";
    tree_->Audit();
    EXPECT_EQ(tree_->TakeChanges().count, 1U);
    Look();
    const Tree::Silent silent = tree_->TakeSilent();
    EXPECT_EQ(silent.file, folder_.Path("deep/file"));
    EXPECT_FALSE(silent.swept);
    // Its file system is not to blame.
    EXPECT_FALSE(tree_->Sweeps());
  }
}

TEST_F(AnnouncedTest, SilentChangesOfAFileRoot) {
  folder_.MakeDirectory("in");
  folder_.MakeDirectory("out");
  folder_.Write("in/file", "1");
  ASSERT_EQ(
      ::link(folder_.Path("in/file").c_str(), folder_.Path("out/file").c_str()),
      0);
  Scan({folder_.Path("in/file")});
  folder_.Append("out/file", "2");
  tree_->Audit();
  EXPECT_EQ(tree_->TakeChanges().count, 1U);
  Look();
  const Tree::Silent silent = tree_->TakeSilent();
  EXPECT_EQ(silent.file, folder_.Path("in/file"));
  EXPECT_EQ(silent.swept, !OnDisk(folder_.path()));
  EXPECT_EQ(tree_->Sweeps(), silent.swept);
}

TEST_F(AnnouncedTest, UnmountedIsNoticedAndWatchedAnew) {
  const auto result = WithOwnMounts([this] {
    folder_.MakeDirectory("mount");
    const std::string mount = folder_.Path("mount");
    if (::mount("none", mount.c_str(), "tmpfs", 0, nullptr) != 0) return 1;
    folder_.Write("mount/file", "1");
    Scan({folder_.path()}, /*max_open=*/0);
    if (::umount(mount.c_str()) != 0) return 2;
    if (Look() != 1) return 3;
    folder_.Write("mount/below", "1");
    if (Look() != 1) return 4;
    return HasFailure() || tree_->Sweeps() ? 5 : 0;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(*result, 0);
}

TEST_F(AnnouncedTest, AFileThatIsMountedIsSwept) {
  const auto result = WithOwnMounts([this] {
    folder_.MakeDirectory("in");
    folder_.MakeDirectory("out");
    folder_.Write("in/file", "");
    folder_.Write("out/file", "1");
    if (::mount(folder_.Path("out/file").c_str(),
                folder_.Path("in/file").c_str(), nullptr, MS_BIND,
                nullptr) != 0) {
      return 77;
    }
    Announcer announcer;
    if (announcer.Open() != 0) return 1;
    Tree tree({.roots = {folder_.Path("in/file")},
               .filter = Filter({}),
               .announcer = &announcer,
               .max_open_directories = 100});
    tree.Scan();
    if (!tree.Sweeps()) return 2;
    folder_.Append("out/file", "2");
    tree.Sweep(Tree::Scope::kNotCovered);
    return tree.TakeChanges().count == 1 ? 0 : 3;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount";
  EXPECT_EQ(*result, 0);
}

// The lower layer of an overlay, changed behind its back.
TEST_F(AnnouncedTest, OverlayChangedBelow) {
  const auto result = WithOwnMounts([this] {
    // On one of our own, since an overlay does not go on top of another.
    if (::mount("none", folder_.path().c_str(), "tmpfs", 0, nullptr) != 0) {
      return 1;
    }
    for (const char* name : {"lower", "upper", "work", "all"}) {
      folder_.MakeDirectory(name);
    }
    folder_.Write("lower/file", "1");
    const std::string options = absl::StrCat(
        "lowerdir=", folder_.Path("lower"), ",upperdir=", folder_.Path("upper"),
        ",workdir=", folder_.Path("work"));
    if (::mount("overlay", folder_.Path("all").c_str(), "overlay", 0,
                options.c_str()) != 0) {
      return 77;
    }
    Announcer announcer;
    if (announcer.Open() != 0) return 2;
    Tree tree({.roots = {folder_.Path("all")},
               .filter = Filter({}),
               .announcer = &announcer,
               .max_open_directories = 100});
    tree.Scan();
    folder_.Append("lower/file", "2");
    tree.LookAnnounced();
    if (tree.findings().changed()) return 3;
    tree.Audit();
    if (tree.TakeChanges().count != 1) return 4;
    tree.LookAnnounced();
    if (!tree.TakeSilent().swept || !tree.Sweeps()) return 5;
    folder_.Append("lower/file", "3");
    tree.Sweep(Tree::Scope::kNotCovered);
    return tree.TakeChanges().count == 1 ? 0 : 6;
  });
  if (!result.has_value()) GTEST_SKIP() << "may not mount an overlay";
  EXPECT_EQ(*result, 0);
}

// Ten directories, and too few watches for them: what is not covered is swept.
TEST_F(AnnouncedTest, WatchesRunOut) {
  for (int i = 0; i < 100; ++i) {
    folder_.MakeDirectory(absl::StrCat("d", i));
    folder_.Write(absl::StrCat("d", i, "/file"), "1");
  }
  const auto result = WithLimit("max_inotify_watches", 50, [this] {
    Announcer announcer;
    if (announcer.Open() != 0) return 1;
    Tree tree({.roots = {folder_.path()},
               .filter = Filter({}),
               .announcer = &announcer,
               .max_open_directories = 1000});
    tree.Scan();
    if (tree.watch_error() != ENOSPC || !tree.Sweeps()) return 2;
    for (int i = 0; i < 100; ++i) {
      folder_.Append(absl::StrCat("d", i, "/file"), "2");
    }
    tree.LookAnnounced();
    const size_t announced = tree.TakeChanges().count;
    if (announced == 0 || announced >= 50) return 3;
    tree.Sweep(Tree::Scope::kNotCovered);
    return tree.TakeChanges().count + announced == 100 ? 0 : 4;
  });
  if (!result.has_value()) GTEST_SKIP() << "no user namespaces";
  EXPECT_EQ(*result, 0);
}

TEST_F(AnnouncedTest, InstancesRunOut) {
  folder_.Write("file", "1");
  const auto result = WithLimit("max_inotify_instances", 0, [this] {
    Announcer announcer;
    if (announcer.Open() != EMFILE) return 1;
    Tree tree({.roots = {folder_.path()},
               .filter = Filter({}),
               .announcer = &announcer,
               .max_open_directories = 1000});
    tree.Scan();
    if (!tree.Sweeps()) return 2;
    folder_.Append("file", "2");
    tree.Sweep(Tree::Scope::kNotCovered);
    return tree.TakeChanges().count == 1 ? 0 : 3;
  });
  if (!result.has_value()) GTEST_SKIP() << "no user namespaces";
  EXPECT_EQ(*result, 0);
}

}  // namespace
}  // namespace reinit
