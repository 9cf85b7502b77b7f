// The plan speaks of every flag: what nobody thought of when a flag was added
// is found here.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/flag_examples.h"
#include "cmd/flags/flag_table.h"
#include "cmd/parse_for_test.h"
#include "gtest/gtest.h"

namespace reinit {
namespace {

// Flags of which the plan need not speak: these print something else, or are
// the flag that asks for it.
const std::set<std::string_view>& Silent() {
  static const auto* const flags =
      new std::set<std::string_view>{"check", "help", "version"};
  return *flags;
}

// Other flags, without which `flag` has no effect.
std::vector<std::string> Base(const Flag& flag) {
  if (flag.group == FlagGroup::kSidecar) {
    std::vector<std::string> sidecar = {
        "--watch=/usr", "--on-change=signal:HUP", "--target-process=x"};
    if (flag.name == "on-start-file") sidecar.emplace_back("--on-start=apply");
    return sidecar;
  }
  std::vector<std::string> base;
  if (flag.Has(kNeedsWatch)) base.emplace_back("--watch=/");
  if (flag.Has(kReloads) && flag.name != "on-change") {
    base.emplace_back(absl::StartsWith(flag.name, "on-change-")
                          ? "--on-change=http:POST http://localhost/"
                          : "--on-change=exec:true");
  }
  if (flag.Has(kNeedsHealth)) base.emplace_back("--health=http://127.0.0.1/");
  if (flag.Has(kNeedsReady)) base.emplace_back("--ready=notify");
  if (flag.Has(kNeedsWorkers)) base.emplace_back("--workers=4");
  if (flag.Has(kNeedsListen) || flag.name == "listen-env") {
    base.emplace_back("--listen=tcp://127.0.0.1:1");
  }
  if (flag.Has(kNeedsRestart) || flag.group == FlagGroup::kStop ||
      flag.name == "restart-prevent-exit-status") {
    base.emplace_back("--restart=on-failure");
  }
  return base;
}

// Nothing if no plan is printed.
std::optional<std::string> Plan(const Flag& flag,
                                const std::vector<std::string>& given) {
  Words words = {"--check"};
  words.insert(words.end(), given.begin(), given.end());
  if (flag.group != FlagGroup::kSidecar) words.emplace_back("server");
  const CommandLine line = Parse(words);
  EXPECT_THAT(line.errors, testing::IsEmpty()) << flag.name;
  EXPECT_THAT(line.warnings,
              testing::Not(testing::Contains(testing::HasSubstr(absl::StrCat(
                  "--", flag.name, "=", FlagExamples().at(flag.name),
                  ": has no effect")))));
  if (line.action != CommandLine::Action::kCheck) return std::nullopt;
  return line.text;
}

TEST(PlanFlags, EachFlagChangesThePlan) {
  for (const Flag& flag : FlagTable()) {
    std::vector<std::string> given = Base(flag);
    const std::optional<std::string> without = Plan(flag, given);
    ASSERT_TRUE(without.has_value()) << flag.name;
    given.push_back(
        absl::StrCat("--", flag.name, "=", FlagExamples().at(flag.name)));
    const std::optional<std::string> with = Plan(flag, given);
    const bool changes = with.has_value() && *with != *without;
    EXPECT_EQ(changes, !Silent().contains(flag.name))
        << "--" << flag.name << ": "
        << (changes ? "is on the list of those that the plan need not speak of"
                    : "the plan does not speak of it (cmd/plan)");
  }
}

TEST(PlanFlags, TheSilentOnesAreFlags) {
  for (const std::string_view name : Silent()) {
    EXPECT_NE(FindFlag(name), nullptr) << name;
  }
}

}  // namespace
}  // namespace reinit
