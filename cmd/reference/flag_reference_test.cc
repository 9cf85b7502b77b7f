#include "cmd/reference/flag_reference.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/flag_table.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

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
