// Comparing by content, and the volumes of Kubernetes, where that matters most.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/sample_tree.h"
#include "supervisor/watch/tree/tree.h"
#include "supervisor/watch/watched_folder.h"

namespace reinit {
namespace {

// Found by a sweep, or where something is announced.
class ContentTest : public ::testing::TestWithParam<bool> {
 protected:
  void Scan(std::vector<std::string> roots, WatchCompare compare,
            const std::vector<std::string>& extensions = {}) {
    if (GetParam()) {
      ASSERT_EQ(announcer_.Open(), 0);
    }
    tree_ =
        ScannedTree(std::move(roots), 1000, extensions, &announcer_, compare);
  }
  size_t Look() {
    GetParam() ? tree_->LookAnnounced() : tree_->Sweep();
    return tree_->TakeChanges().count;
  }
  // As the kubelet does it: all files anew, the exchange, the old one removed.
  void WriteVersion(std::string_view name, std::string_view key,
                    std::string_view nested) const {
    const std::string at = absl::StrCat("vol/..", name);
    folder_.MakeDirectory(absl::StrCat(at, "/sub"));
    folder_.Write(absl::StrCat(at, "/key.yaml"), key);
    folder_.Write(absl::StrCat(at, "/sub/nested.yaml"), nested);
    folder_.Link(absl::StrCat("..", name), "vol/..data_tmp");
    folder_.Rename("vol/..data_tmp", "vol/..data");
  }
  void MakeVolume() const {
    WriteVersion("v1", "one", "one");
    folder_.Link("..data/key.yaml", "vol/key.yaml");
    folder_.Link("..data/sub", "vol/sub");
  }

  const WatchedFolder folder_;
  Announcer announcer_;
  std::unique_ptr<Tree> tree_;
};

TEST_P(ContentTest, OnlyAnotherContentCounts) {
  folder_.Write("a", "1");
  folder_.Write("b", "1");
  Scan({folder_.path(), folder_.Path("b")}, WatchCompare::kHash);
  folder_.NextTick();
  EXPECT_EQ(Look(), 0U);
  folder_.SetTime("a", 1);
  folder_.Write("b", "1");
  folder_.Write("a~", "1");
  folder_.Rename("a~", "a");
  EXPECT_EQ(Look(), 0U);
  folder_.Write("a", "2");
  EXPECT_EQ(Look(), 1U);
  folder_.Write("b", "2");
  EXPECT_EQ(Look(), 2U) << "as a root, and in the folder";
  folder_.Write("a", "1");
  EXPECT_EQ(Look(), 1U) << "back to what it was";
  folder_.Write("c", "");
  EXPECT_EQ(Look(), 1U);
  folder_.Remove("c");
  EXPECT_EQ(Look(), 1U);
}

// Without the twin's mtime a touch is a change, so the one above shows
// something.
TEST_P(ContentTest, ByStampATouchCounts) {
  folder_.Write("a", "1");
  Scan({folder_.path()}, WatchCompare::kStamp);
  folder_.SetTime("a", 1);
  EXPECT_EQ(Look(), 1U);
}

// Of the same size, right after each look: within one tick of the clock.
TEST_P(ContentTest, EveryRewriteIsSeen) {
  folder_.Write("a", "0");
  Scan({folder_.path()}, WatchCompare::kHash);
  size_t seen = 0;
  for (int i = 1; i <= 500; ++i) {
    folder_.Write("a", i % 2 == 0 ? "0" : "1");
    seen += Look();
  }
  EXPECT_EQ(seen, 500U);
}

TEST_P(ContentTest, ASwapCountsByContent) {
  MakeVolume();
  folder_.Write("plain", "1");
  Scan({folder_.path()}, WatchCompare::kAuto);
  EXPECT_EQ(tree_->files(), 3U) << "each once";
  WriteVersion("v2", "one", "one");
  folder_.Remove("vol/..v1");
  EXPECT_EQ(Look(), 0U) << "the same";
  WriteVersion("v1", "two", "one");
  folder_.Remove("vol/..v2");
  tree_->Sweep();
  const FoundChanges changes = tree_->TakeChanges();
  EXPECT_EQ(changes.count, 1U);
  EXPECT_EQ(changes.first, folder_.Path("vol/key.yaml"));
  WriteVersion("v2", "two", "two");
  EXPECT_EQ(Look(), 1U);
  folder_.Remove("vol/..v1");
  EXPECT_EQ(Look(), 0U);
  // Outside of the volume a touch counts as ever.
  folder_.SetTime("plain", 1);
  EXPECT_EQ(Look(), 1U);
}

TEST_P(ContentTest, ASwapIsNoticedWhateverFilesAreWanted) {
  MakeVolume();
  Scan({folder_.Path("vol")}, WatchCompare::kAuto, {"yaml"});
  WriteVersion("v2", "two", "one");
  EXPECT_EQ(Look(), 1U);
}

TEST_P(ContentTest, AFileOfAVolumeAsARoot) {
  MakeVolume();
  Scan({folder_.Path("vol/key.yaml")}, WatchCompare::kAuto);
  WriteVersion("v2", "one", "two");
  folder_.Remove("vol/..v1");
  EXPECT_EQ(Look(), 0U);
  WriteVersion("v1", "two", "two");
  folder_.Remove("vol/..v2");
  EXPECT_EQ(Look(), 1U);
}

// A key that is mounted by itself, and a folder: no `..data` shows there.
TEST_P(ContentTest, PartsOfAVolumeAreComparedByContent) {
  folder_.Write("plain", "1");
  folder_.Write("key", "1");
  folder_.Write("root", "1");
  folder_.MakeDirectory("part");
  folder_.Write("part/key", "1");
  if (GetParam()) {
    ASSERT_EQ(announcer_.Open(), 0);
  }
  tree_ = std::make_unique<Tree>(
      Tree::Options{.roots = {folder_.path(), folder_.Path("root")},
                    .filter = Filter({.exclude = {"root"}}),
                    .volume_parts = {folder_.Path("key"), folder_.Path("part"),
                                     folder_.Path("root")},
                    .announcer = &announcer_});
  tree_->Scan();
  for (const char* name : {"key", "part/key", "root"}) {
    folder_.NextTick();
    folder_.SetTime(name, 1);
    folder_.Write(name, "1");
    EXPECT_EQ(Look(), 0U) << name;
    folder_.Write(name, "2");
    EXPECT_EQ(Look(), 1U) << name;
    EXPECT_EQ(Look(), 0U) << name;
  }
  folder_.SetTime("plain", 1);
  EXPECT_EQ(Look(), 1U);
}

// The old version loses its files while only it is looked at.
TEST_P(ContentTest, WhatTheKubeletRemovesHasNotChanged) {
  MakeVolume();
  Scan({folder_.Path("vol")}, WatchCompare::kAuto);
  folder_.NextTick();
  folder_.Write("vol/..v1/key.yaml", "two");
  GetParam() ? tree_->LookAnnounced() : tree_->Sweep();
  ASSERT_TRUE(tree_->findings().changed());
  WriteVersion("v2", "two", "one");
  folder_.Remove("vol/..v1/key.yaml");
  folder_.Remove("vol/..v1/sub/nested.yaml");
  const uint64_t revision = tree_->revision();
  tree_->Recheck();
  EXPECT_EQ(tree_->revision(), revision);
  folder_.Remove("vol/..v1");
  tree_->Sweep();
  EXPECT_EQ(tree_->TakeChanges().count, 1U);
}

INSTANTIATE_TEST_SUITE_P(Ways, ContentTest, ::testing::Bool(),
                         [](const auto& test) {
                           return test.param ? "Announced" : "Swept";
                         });

}  // namespace
}  // namespace reinit
