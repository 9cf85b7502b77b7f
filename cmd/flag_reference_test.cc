#include "cmd/flag_reference.h"

#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flag_table.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

TEST(FlagReference, IsWhatDocsFlagsMdSays) {
  std::ifstream file("docs/flags.md", std::ios::binary);
  const std::string committed{std::istreambuf_iterator<char>(file), {}};
  // Not EXPECT_EQ, which would print both.
  EXPECT_TRUE(committed == FlagReference())
      << "docs/flags.md is not what the flag table says. Write it anew:\n"
         "  tools/bazel run //cmd:flag_docs";
}

TEST(FlagReference, HasEachFlagAndItsVariable) {
  const std::string text = FlagReference();
  for (const Flag& flag : FlagTable()) {
    EXPECT_TRUE(absl::StrContains(text, absl::StrCat("| `--", flag.name)))
        << flag.name;
    if (flag.Has(kNoVariable)) continue;
    EXPECT_TRUE(
        absl::StrContains(text, absl::StrCat("`", FlagVariable(flag), "`")))
        << flag.name;
  }
}

}  // namespace
}  // namespace reinit
