#include "cmd/flags/help.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/settings.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

std::vector<std::string> Lines(Settings::Help which) {
  return absl::StrSplit(HelpText(which), '\n');
}

bool Shows(Settings::Help which, const Flag& flag) {
  const std::vector<std::string> lines = Lines(which);
  const std::string start = absl::StrCat("  ", FlagSynopsis(flag), "  ");
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return absl::StartsWith(line, start);
  });
}

TEST(Help, FitsEightyColumns) {
  for (const Settings::Help which :
       {Settings::Help::kCommon, Settings::Help::kAll}) {
    for (const std::string& line : Lines(which)) {
      EXPECT_LE(line.size(), 80u) << line;
      EXPECT_FALSE(absl::EndsWith(line, " ")) << line;
    }
  }
}

TEST(Help, CommonFlagsFitOneScreen) {
  // Splitting leaves an empty piece behind the last newline: the prompt's line.
  EXPECT_LE(Lines(Settings::Help::kCommon).size(), 40u);
}

TEST(Help, ShowsCommonFlagsOrAll) {
  for (const Flag& flag : FlagTable()) {
    EXPECT_EQ(Shows(Settings::Help::kCommon, flag), flag.Has(kCommon))
        << flag.name;
    EXPECT_TRUE(Shows(Settings::Help::kAll, flag)) << flag.name;
  }
}

}  // namespace
}  // namespace reinit
