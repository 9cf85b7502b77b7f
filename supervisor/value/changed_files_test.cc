#include "supervisor/value/changed_files.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(ChangedFilesTest, OnePathALineEachOnce) {
  ChangedFiles files;
  EXPECT_TRUE(files.empty());
  EXPECT_EQ(files.text(), "");
  for (const char* path : {"src/b.py", "src/a.py", "src/b.py"}) files.Add(path);
  EXPECT_FALSE(files.empty());
  EXPECT_EQ(files.text(), "src/b.py\nsrc/a.py");
}

// Else a file's name could pretend to be two.
TEST(ChangedFilesTest, NoNameIsTwoLines) {
  ChangedFiles files;
  files.Add("a\nb");
  files.Add("c\\n\td\x1b\x7f");
  files.Add("\xc3\xa4 \xff");
  EXPECT_EQ(files.text(), "a\\nb\nc\\\\n\\td\\0033\\0177\n\xc3\xa4 \xff");
}

TEST(ChangedFilesTest, IsBoundedInPaths) {
  ChangedFiles files;
  for (int i = 0; i < 300; ++i) files.Add(absl::StrCat(i));
  const std::string text = files.text();
  EXPECT_THAT(text, testing::EndsWith("\n255"));
}

TEST(ChangedFilesTest, IsBoundedInBytesAndLeavesNoGap) {
  ChangedFiles files;
  for (int i = 0; i < 200; ++i) {
    files.Add(absl::StrCat(i, std::string(400, 'x')));
  }
  files.Add("short");
  EXPECT_LE(files.text().size(), ChangedFiles::kMaxBytes);
  EXPECT_GT(files.text().size(), ChangedFiles::kMaxBytes - 500);
  EXPECT_THAT(files.text(), testing::Not(testing::EndsWith("short")));
}

ChangedFiles Files(const std::vector<std::string>& paths,
                   std::optional<uint64_t> count) {
  ChangedFiles files;
  for (const std::string& path : paths) files.Add(path);
  files.SetCount(count);
  return files;
}

TEST(ChangedFilesTest, AnEarlierChangeComesFirst) {
  ChangedFiles files = Files({"b", "c"}, 2);
  files.Precede(Files({"a", "b"}, 2));
  EXPECT_EQ(files.text(), "a\nb\nc");
  EXPECT_EQ(files.count(), 3);
  files.Precede({});
  EXPECT_EQ(files.text(), "a\nb\nc");
  EXPECT_EQ(files.count(), 3);
}

TEST(ChangedFilesTest, TheSameChangeIsNotCountedTwice) {
  ChangedFiles files = Files({"a"}, 100);
  files.Precede(Files({"a"}, 100));
  EXPECT_EQ(files.count(), 100);
}

TEST(ChangedFilesTest, WhatIsNotListedIsCountedAndWhatIsUnknownStaysSo) {
  ChangedFiles files = Files({"b"}, 10);
  files.Precede(Files({"b"}, 1));
  EXPECT_EQ(files.text(), "b");
  EXPECT_EQ(files.count(), 11);
  files.Precede(Files({}, std::nullopt));
  EXPECT_EQ(files.count(), std::nullopt);
}

}  // namespace
}  // namespace reinit
