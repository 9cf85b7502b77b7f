// Which files of a tree are looked at, and how a change of that is taken in.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

// Looks by sweeping everything, or only at what was announced.
class TreeFilterTest : public ::testing::TestWithParam<bool> {
 protected:
  void Start(const FilterOptions& options) {
    if (GetParam()) {
      ASSERT_EQ(announcer_.Open(), 0);
    }
    options_ = options;
    tree_ = std::make_unique<Tree>(Tree::Options{.roots = {folder_.path()},
                                                 .filter = Filter(options),
                                                 .announcer = &announcer_});
    tree_->Scan();
    EXPECT_FALSE(tree_->findings().changed());
  }

  // The number of different paths that have changed.
  size_t Look() {
    if (GetParam()) {
      EXPECT_FALSE(tree_->Sweeps());
      tree_->LookAnnounced();
    } else {
      tree_->Sweep();
    }
    return tree_->TakeChanges().count;
  }

  // What a new helper would find.
  uint64_t DigestOfAnother() const {
    Tree tree({.roots = {folder_.path()}, .filter = Filter(options_)});
    tree.Scan();
    return tree.digest();
  }

  void Touch(const std::string& name) { folder_.Append(name, "x"); }

  const WatchedFolder folder_;
  FilterOptions options_;
  Announcer announcer_;
  std::unique_ptr<Tree> tree_;
};

INSTANTIATE_TEST_SUITE_P(Ways, TreeFilterTest, ::testing::Bool(),
                         [](const auto& way) {
                           return way.param ? "Announced" : "Swept";
                         });

TEST_P(TreeFilterTest, ExcludedDirectoriesAreNotEnteredOrWatched) {
  folder_.MakeDirectory("build/deep");
  folder_.MakeDirectory("src");
  folder_.Write("build/deep/a", "");
  folder_.Write("src/a", "");
  Start({.exclude = {"/build"}});
  EXPECT_EQ(tree_->directories(), 2U);
  EXPECT_EQ(tree_->files(), 1U);
  Touch("build/deep/a");
  folder_.MakeDirectory("build/new");
  EXPECT_EQ(Look(), 0U);
  Touch("src/a");
  EXPECT_EQ(Look(), 1U);
}

TEST(TreeFilterRootsTest, AnAbsolutePatternBelongsToOneRoot) {
  const WatchedFolder folder;
  for (const char* root : {"a", "b"}) {
    folder.MakeDirectory(absl::StrCat(root, "/src"));
    folder.Write(absl::StrCat(root, "/src/x.py"), "");
    folder.Write(absl::StrCat(root, "/x.py"), "");
  }
  const auto files = [&folder](const FilterOptions& options) {
    Tree tree(
        {.roots = {absl::StrCat(folder.path(), "/./a/"), folder.Path("b")},
         .filter = Filter(options)});
    tree.Scan();
    return tree.files();
  };
  EXPECT_EQ(files({.exclude = {folder.Path("a/src")}}), 3U);
  EXPECT_EQ(files({.include = {folder.Path("a/src/*.py")}}), 1U);
  EXPECT_EQ(files({.include = {folder.Path("a/*.py"), "/src"}}), 3U);
}

TEST_P(TreeFilterTest, IgnoreFilesNest) {
  folder_.MakeDirectory("src/out");
  folder_.Write(".gitignore", "*.log\nout/\n");
  folder_.Write("src/.gitignore", "!kept.log\n");
  for (const char* name :
       {"a.log", "src/b.log", "src/kept.log", "src/c.py", "src/out/d.py"}) {
    folder_.Write(name, "");
  }
  Start({.ignore_files = true});
  // Two .gitignore, kept.log and c.py.
  EXPECT_EQ(tree_->files(), 4U);
  Touch("a.log");
  Touch("src/b.log");
  Touch("src/out/d.py");
  EXPECT_EQ(Look(), 0U);
  Touch("src/kept.log");
  Touch("src/c.py");
  EXPECT_EQ(Look(), 2U);
}

TEST_P(TreeFilterTest, TheRepositoryAboveTheRootCounts) {
  folder_.MakeDirectory("repo/.git/info");
  folder_.MakeDirectory("repo/app/root");
  folder_.Write("repo/.git/info/exclude", "*.tmp\n");
  folder_.Write("repo/.gitignore", "*.log\n/app/root/out\n");
  folder_.Write("repo/app/.gitignore", "!kept.log\nsecret\n");
  folder_.Write(".gitignore", "*.py\n");  // of no repository
  for (const char* name :
       {"a.tmp", "a.log", "out", "kept.log", "secret", "a.py"}) {
    folder_.Write(absl::StrCat("repo/app/root/", name), "");
  }
  const auto files = [this](const char* root) {
    Tree tree({.roots = {folder_.Path(root)},
               .filter = Filter({.ignore_files = true})});
    tree.Scan();
    return tree.files();
  };
  EXPECT_EQ(files("repo/app/root"), 2U) << "kept.log and a.py";
  folder_.Remove("repo/.git");
  EXPECT_EQ(files("repo/app/root"), 6U) << "no repository";
  // A worktree names its folder, and that the common one.
  folder_.MakeDirectory("main/.git/info");
  folder_.MakeDirectory("main/.git/worktrees/w");
  folder_.Write("main/.git/info/exclude", "a.*\n");
  folder_.Write("main/.git/worktrees/w/commondir", "../..\n");
  folder_.Write("repo/.git", "gitdir: ../main/.git/worktrees/w\n");
  EXPECT_EQ(files("repo/app/root"), 1U) << "kept.log";
  // What the user has named counts, whoever leaves it out.
  folder_.Write("repo/.gitignore", "root/\n*\n");
  EXPECT_EQ(files("repo/app/root"), 6U);
}

TEST_P(TreeFilterTest, AChangeAboveTheRootTakesEffect) {
  folder_.MakeDirectory(".git/info");
  folder_.MakeDirectory("root");
  folder_.Write("root/a.log", "");
  folder_.Write("root/b", "");
  Tree tree({.roots = {folder_.Path("root")},
             .filter = Filter({.ignore_files = true})});
  tree.Scan();
  EXPECT_EQ(tree.files(), 2U);
  folder_.Write(".gitignore", "*.log\n");
  tree.Sweep();
  EXPECT_FALSE(tree.findings().changed());
  EXPECT_EQ(tree.files(), 1U);
}

// Even where the .gitignore itself is no file that counts.
TEST_P(TreeFilterTest, AChangedIgnoreFileTakesEffect) {
  folder_.MakeDirectory("src/deep");
  folder_.Write(".gitignore", "*.log\n");
  folder_.Write("src/a.log", "");
  folder_.Write("src/deep/b.log", "");
  folder_.Write("src/deep/b.py", "");
  Start({.include = {"*.log", "*.py"}});
  EXPECT_EQ(tree_->files(), 3U) << "the twin: without the flag all count";
  Start({.extensions = {"log", "py"}, .ignore_files = true});
  EXPECT_EQ(tree_->files(), 1U);
  folder_.Write(".gitignore", "*.py\n");
  EXPECT_EQ(Look(), 0U) << "two come, one goes, and none has changed";
  EXPECT_EQ(tree_->files(), 2U);
  Touch("src/deep/b.py");
  EXPECT_EQ(Look(), 0U);
  Touch("src/deep/b.log");
  EXPECT_EQ(Look(), 1U);
  folder_.Write("src/.gitignore", "deep/\n");
  EXPECT_EQ(Look(), 0U);
  EXPECT_EQ(tree_->directories(), 2U);
  folder_.Remove("src/.gitignore");
  folder_.Remove(".gitignore");
  EXPECT_EQ(Look(), 0U);
  EXPECT_EQ(tree_->files(), 3U);
  Touch("src/deep/b.py");
  Touch("src/deep/b.log");
  EXPECT_EQ(Look(), 2U);
  folder_.Remove("src/deep/b.log");
  EXPECT_EQ(Look(), 1U);
  EXPECT_EQ(tree_->digest(), DigestOfAnother()) << "nothing is left over";
}

// As by git checkout: what neither the rules before nor those now hide.
TEST_P(TreeFilterTest, RealChangesBesideAChangedIgnoreFileCount) {
  for (const char* directory : {"src", "old", "out/deep", "both"}) {
    folder_.MakeDirectory(directory);
  }
  folder_.Write(".gitignore", "out/\n*.log\n");
  for (const char* name :
       {"src/a.py", "src/gone.py", "src/a.log", "src/gone.tmp", "old/a.py",
        "out/deep/a.py", "both/a.py", "a.tmp"}) {
    folder_.Write(name, "");
  }
  folder_.Write("both/.gitignore", "*.txt\n");
  folder_.Write("both/a.txt", "");
  Start({.extensions = {"py", "log", "tmp", "txt"}, .ignore_files = true});
  EXPECT_EQ(tree_->files(), 6U);
  folder_.Write(".gitignore", "old/\n*.tmp\n");
  Touch("src/a.py");                // 1
  folder_.Remove("src/gone.py");    // 2
  folder_.Write("src/new.py", "");  // 3
  folder_.MakeDirectory("new");
  folder_.Write("new/a.py", "");      // 4
  folder_.Write("new/b.tmp", "");     // hidden from the beginning
  folder_.Remove("src/gone.tmp");     // hidden by now
  folder_.Write("both/new.txt", "");  // hidden by rules that have not changed
  Touch("both/a.py");                 // 5
  EXPECT_EQ(Look(), 5U);
  EXPECT_EQ(tree_->files(), 6U)
      << "src/a.py, src/new.py, src/a.log, new/a.py, out/deep/a.py, both/a.py";
  EXPECT_EQ(tree_->digest(), DigestOfAnother());
  Touch("out/deep/a.py");
  Touch("src/a.log");
  EXPECT_EQ(Look(), 2U);
}

// A new directory brings its own rules, which hide nothing that was there.
TEST_P(TreeFilterTest, ANewDirectoryWithAnIgnoreFileCounts) {
  Start({.extensions = {"py", "log"}, .ignore_files = true});
  folder_.MakeDirectory("src");
  folder_.Write("src/a.log", "");
  folder_.Write("src/a.py", "");
  folder_.Write("src/.gitignore", "*.log\n");
  EXPECT_EQ(Look(), 1U);
  folder_.Remove("src/.gitignore");
  folder_.Write("src/b.log", "");
  EXPECT_EQ(Look(), 0U) << "nobody can tell when what was hidden was made";
  EXPECT_EQ(tree_->files(), 3U);
}

TEST_P(TreeFilterTest, IncludeNamesAnEnvironment) {
  folder_.MakeDirectory("env/lib");
  folder_.Write("env/pyvenv.cfg", "");
  folder_.Write("env/lib/a.py", "");
  Start({.include = {"env/lib/**"}});
  EXPECT_EQ(tree_->files(), 1U);
  Start({.include = {"**/*.py"}});
  EXPECT_EQ(tree_->files(), 0U);
}

// A tool's temporary file, if it is seen at all.
TEST_P(TreeFilterTest, WhatComesAndGoesInOneBurstIsNoChange) {
  folder_.Write("a", "1");
  Start({});
  const auto look = [this] {
    if (GetParam()) {
      tree_->LookAnnounced();
    } else {
      tree_->Sweep();
    }
  };
  folder_.Write("sedXYZ", "2");
  look();
  EXPECT_TRUE(tree_->findings().changed());
  folder_.Rename("sedXYZ", "a");
  look();
  const FoundChanges changes = tree_->TakeChanges();
  EXPECT_EQ(changes.count, 1U);
  EXPECT_EQ(changes.first, folder_.Path("a"));
  folder_.Write("b", "1");
  look();
  folder_.Remove("b");
  look();
  EXPECT_EQ(tree_->TakeChanges().count, 0U);
  folder_.Remove("a");
  look();
  folder_.Write("a", "1");
  look();
  EXPECT_EQ(tree_->TakeChanges().count, 1U) << "it was there before";
}

TEST_P(TreeFilterTest, VirtualEnvironmentsAreLeftOut) {
  folder_.MakeDirectory("env/lib");
  folder_.Write("env/pyvenv.cfg", "");
  folder_.Write("env/lib/a.py", "");
  folder_.Write("a.py", "");
  Start({});
  EXPECT_EQ(tree_->files(), 1U);
  Start({.defaults = false});
  EXPECT_EQ(tree_->files(), 3U);
}

}  // namespace
}  // namespace reinit
