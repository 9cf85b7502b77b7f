// Names: the part of flag_table.h that knows no particular flag.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/span.h"
#include "cmd/flags/flag_table.h"

namespace reinit {
namespace {

// Longer ones are junk, and the edit distance is quadratic.
constexpr size_t kLongestGuess = 40;

// Number of inserted, removed, changed or swapped letters between the two.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({changed, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

// `--watch-extension`, `--start-limit`: a name with something more, or less.
std::string LongerOrShorter(std::string_view wanted) {
  constexpr size_t kShortest = 4;
  const Flag* found = nullptr;
  size_t longest = kShortest - 1;
  for (const Flag& flag : FlagTable()) {
    if (!absl::StartsWith(flag.name, wanted) &&
        !absl::StartsWith(wanted, flag.name))
      continue;
    const size_t common = std::min(flag.name.size(), wanted.size());
    if (common <= longest) continue;
    longest = common;
    found = &flag;
  }
  return found == nullptr ? "" : absl::StrCat("--", found->name);
}

}  // namespace

const Flag* FindFlag(std::string_view name) {
  const std::string hyphens = absl::StrReplaceAll(name, {{"_", "-"}});
  for (const Flag& flag : FlagTable()) {
    if (flag.name == hyphens) return &flag;
  }
  return nullptr;
}

std::string FlagSynopsis(const Flag& flag) {
  switch (flag.type) {
    case FlagType::kSwitch:
      return absl::StrCat("--", flag.name);
    case FlagType::kOptionalValue:
      return absl::StrCat("--", flag.name, "[=", flag.placeholder, "]");
    case FlagType::kValue:
    case FlagType::kRepeated:
      break;
  }
  return absl::StrCat("--", flag.name, "=", flag.placeholder);
}

std::string FlagVariable(const Flag& flag) {
  if (flag.Has(kNoVariable)) return "";
  return absl::StrCat(
      kVariablePrefix,
      absl::AsciiStrToUpper(absl::StrReplaceAll(flag.name, {{"-", "_"}})));
}

bool IsFlagVariable(std::string_view variable) {
  if (!absl::StartsWith(variable, kVariablePrefix)) return false;
  const absl::Span<const Flag> table = FlagTable();
  return std::any_of(table.begin(), table.end(), [&](const Flag& flag) {
    return FlagVariable(flag) == variable;
  });
}

std::string NearestFlag(std::string_view given) {
  if (given.size() > kLongestGuess) return "";
  // `-h` and its like: every init has them, reinit has no one-letter flags.
  if (given == "h" || given == "?") return "--help";
  if (given == "V" || given == "v") return "--version";

  const std::string wanted =
      absl::AsciiStrToLower(absl::StrReplaceAll(given, {{"_", "-"}}));
  // A third of the letters may be wrong; beyond that a guess is only noise.
  size_t best = std::max<size_t>(1, wanted.size() / 3) + 1;
  std::string nearest;
  const auto consider = [&](const std::string& name) {
    const size_t distance = EditDistance(wanted, name);
    if (distance >= best) return;
    best = distance;
    nearest = absl::StrCat("--", name);
  };
  for (const Flag& flag : FlagTable()) {
    consider(std::string(flag.name));
    if (flag.type == FlagType::kSwitch && absl::StartsWith(wanted, "n"))
      consider(absl::StrCat("no-", flag.name));
  }
  return nearest.empty() ? LongerOrShorter(wanted) : nearest;
}

}  // namespace reinit
