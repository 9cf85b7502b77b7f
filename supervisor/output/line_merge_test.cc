#include "supervisor/output/line_merge.h"

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

class LineMergeTest : public ::testing::Test {
 protected:
  LineMergeTest() {
    merge_.AddSource("[1] ");
    merge_.AddSource("[2] ");
  }
  std::string Add(size_t source, std::string_view bytes) {
    EXPECT_TRUE(merge_.MayAdd(source));
    std::string out;
    merge_.Add(source, bytes, &out);
    return out;
  }
  std::string Rest(size_t source) {
    std::string out;
    merge_.Rest(source, &out);
    return out;
  }
  LineMerge merge_;
};

TEST_F(LineMergeTest, EachLineHasThePrefixOfItsSource) {
  EXPECT_EQ(Add(0, "one\ntwo\n"), "[1] one\n[1] two\n");
  EXPECT_EQ(Add(1, "three\n"), "[2] three\n");
}

TEST_F(LineMergeTest, AnEmptyLineHasIt) {
  EXPECT_EQ(Add(1, "\n\na\n"), "[2] \n[2] \n[2] a\n");
}

TEST_F(LineMergeTest, EveryOtherByteIsPassedOn) {
  std::string line;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != '\n') line += static_cast<char>(byte);
  }
  EXPECT_EQ(Add(0, absl::StrCat(line, "\r\n")),
            absl::StrCat("[1] ", line, "\r\n"));
  EXPECT_EQ(Add(0, "\033[31mred\033[0m\n"), "[1] \033[31mred\033[0m\n");
}

TEST_F(LineMergeTest, ALineIsHeldUntilItIsWhole) {
  EXPECT_EQ(Add(0, "on"), "");
  EXPECT_TRUE(merge_.Unfinished(0));
  EXPECT_EQ(Add(1, "two\n"), "[2] two\n");
  EXPECT_EQ(Add(0, "e"), "");
  EXPECT_EQ(Add(0, "\nth"), "[1] one\n");
  EXPECT_EQ(Add(0, "ree\n"), "[1] three\n");
  EXPECT_FALSE(merge_.Unfinished(0));
}

TEST_F(LineMergeTest, WhatIsUnfinishedIsShownAtRest) {
  EXPECT_EQ(Rest(0), "");
  EXPECT_EQ(Add(0, "name: "), "");
  EXPECT_EQ(Rest(0), "[1] name: ");
  EXPECT_FALSE(merge_.Unfinished(0));
  EXPECT_EQ(Rest(0), "");
  EXPECT_EQ(Add(0, "x"), "x");
  EXPECT_EQ(Add(0, "y\nz\n"), "y\n[1] z\n");
}

TEST_F(LineMergeTest, AnotherLineCutsIt) {
  EXPECT_EQ(Add(0, "name: "), "");
  EXPECT_EQ(Rest(0), "[1] name: ");
  EXPECT_TRUE(merge_.MayAdd(1));
  EXPECT_EQ(Add(1, "par"), "");
  EXPECT_EQ(Add(0, "."), ".");
  EXPECT_EQ(Add(1, "t\n"), "\n[2] part\n");
  EXPECT_EQ(Add(0, "x\n"), "[1] x\n");
}

TEST_F(LineMergeTest, AnotherUnfinishedLineCutsIt) {
  Add(0, "a");
  Add(1, "b");
  EXPECT_EQ(Rest(0), "[1] a");
  EXPECT_EQ(Rest(1), "\n[2] b");
  EXPECT_EQ(Add(0, "A\n"), "\n[1] A\n");
}

TEST_F(LineMergeTest, TheLongestLineThatIsHeld) {
  const std::string text(LineMerge::kWholeLine, 'x');
  EXPECT_EQ(Add(0, text), "");
  EXPECT_TRUE(merge_.MayAdd(1));
  EXPECT_EQ(Add(0, "\n"), absl::StrCat("[1] ", text, "\n"));
}

TEST_F(LineMergeTest, ALongLineIsPassedOnInPartsAndOthersWait) {
  const std::string text(LineMerge::kWholeLine + 1, 'x');
  EXPECT_EQ(Add(0, text), absl::StrCat("[1] ", text));
  EXPECT_TRUE(merge_.MayAdd(0));
  EXPECT_FALSE(merge_.MayAdd(1));
  EXPECT_EQ(Add(0, "more"), "more");
  EXPECT_EQ(Add(0, "end\nnext\n"), "end\n[1] next\n");
  EXPECT_TRUE(merge_.MayAdd(1));
  EXPECT_EQ(Add(1, "b\n"), "[2] b\n");
}

TEST_F(LineMergeTest, OthersDoNotWaitForALongLineThatRests) {
  Add(0, std::string(LineMerge::kWholeLine + 1, 'x'));
  EXPECT_TRUE(merge_.Unfinished(0));
  EXPECT_EQ(Rest(0), "");
  EXPECT_FALSE(merge_.Unfinished(0));
  EXPECT_TRUE(merge_.MayAdd(1));
  EXPECT_EQ(Add(1, "b\n"), "\n[2] b\n");
}

TEST_F(LineMergeTest, NorForOneThatNeverEnds) {
  size_t passed = 0;
  while (passed < LineMerge::kAlone) {
    EXPECT_EQ(merge_.MayAdd(1), passed <= LineMerge::kWholeLine);
    Add(0, std::string(1000, 'x'));
    passed += 1000;
  }
  EXPECT_TRUE(merge_.MayAdd(1));
  EXPECT_EQ(Add(0, "y"), "y");
  EXPECT_EQ(Add(1, "b\n"), "\n[2] b\n");
  EXPECT_EQ(Add(0, "z\n"), "[1] z\n");
}

// Random pieces of random lines: each line comes out whole, in the order of its
// source, and nothing else does.
TEST_F(LineMergeTest, NothingIsLostOrMixed) {
  std::mt19937 random(20261129);
  const auto up_to = [&random](size_t most) {
    return std::uniform_int_distribution<size_t>(0, most)(random);
  };
  std::string all[2];
  std::deque<std::string> lines[2];
  for (const size_t source : {0, 1}) {
    for (int i = 0; i < 400; ++i) {
      // Some are too long to be held.
      const size_t size = up_to(20) == 0 ? up_to(300'000) : up_to(200);
      lines[source].emplace_back(size, static_cast<char>('a' + up_to(25)));
      absl::StrAppend(&all[source], lines[source].back(), "\n");
    }
  }
  std::string out;
  std::string_view left[2] = {all[0], all[1]};
  while (!left[0].empty() || !left[1].empty()) {
    const size_t source = up_to(1);
    if (!merge_.MayAdd(source)) continue;
    const std::string_view part = left[source].substr(0, up_to(70'000));
    merge_.Add(source, part, &out);
    left[source].remove_prefix(part.size());
  }
  std::vector<std::string_view> merged = absl::StrSplit(out, '\n');
  ASSERT_EQ(merged.back(), "");
  merged.pop_back();
  for (const std::string_view line : merged) {
    const size_t source = absl::StartsWith(line, "[1] ") ? 0 : 1;
    ASSERT_FALSE(lines[source].empty());
    ASSERT_EQ(line, absl::StrCat("[", source + 1, "] ", lines[source].front()));
    lines[source].pop_front();
  }
  EXPECT_TRUE(lines[0].empty());
  EXPECT_TRUE(lines[1].empty());
}

}  // namespace
}  // namespace reinit
