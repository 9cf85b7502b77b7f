#include "cmd/flags/help.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/settings.h"
#include "cmd/flags/subcommand.h"
#include "reaper/value/version.h"

namespace reinit {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kIndent = 2;
constexpr size_t kGap = 2;

// Of one subcommand's line, up to its meaning.
constexpr size_t kUsageColumn = 41;

constexpr std::string_view kUsageRun =
    "  reinit [flags] [--] COMMAND [ARG...]   run COMMAND and look after it\n";

constexpr std::string_view kUsage =
    "  reinit probe URL, reinit ctl WORD      one health check; ask one that "
    "runs\n";

constexpr std::string_view kFooter =
    "D is a time: 250ms, 2s, 1m30s, infinity; a bare number is seconds.\n"
    "Flags also come from the environment: REINIT_STOP_TIMEOUT=2s.\n"
    "All flags: reinit --help=all\n";

constexpr std::string_view kFooterAll =
    "D is a time: 250ms, 1.5s, 1m30s, 1h, infinity; a bare number is seconds.\n"
    "--flag=VALUE and --flag VALUE are the same; switches also take "
    "--no-flag.\n"
    "Each flag but --check, --help and --version also comes from the "
    "environment,\n"
    "REINIT_STOP_TIMEOUT=2s; the command line wins. Reference: docs/flags.md\n";

// Appends `text` broken at blanks; the first line goes on at `column`, and the
// further lines begin there.
void AppendWrapped(std::string_view text, size_t column, std::string& out) {
  size_t used = column;
  for (const std::string_view word : absl::StrSplit(text, ' ')) {
    if (used > column && used + 1 + word.size() > kColumns) {
      absl::StrAppend(&out, "\n", std::string(column, ' '));
      used = column;
    } else if (used > column) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  out += '\n';
}

std::string Usage(bool all) {
  if (!all) return absl::StrCat(kUsageRun, kUsage, "\n");
  std::string out(kUsageRun);
  for (const Subcommand& one : Subcommands()) {
    std::string line =
        absl::StrCat("  reinit ", one.word, " ", one.usage_operands);
    line.resize(std::max(line.size(), kUsageColumn), ' ');
    absl::StrAppend(&out, line, one.usage_help, "\n");
  }
  return out;
}

std::string Meaning(const Flag& flag) {
  std::string text(flag.help);
  // Off is what everybody expects of a switch.
  if (!flag.standard.empty() && flag.type != FlagType::kSwitch)
    absl::StrAppend(&text, " (", flag.standard, ")");
  return text;
}

void AppendFlag(const Flag& flag, size_t column, std::string& out) {
  const std::string synopsis = FlagSynopsis(flag);
  absl::StrAppend(&out, std::string(kIndent, ' '), synopsis,
                  std::string(column - kIndent - synopsis.size(), ' '));
  AppendWrapped(Meaning(flag), column, out);
}

}  // namespace

std::string HelpText(Settings::Help which) {
  const bool all = which == Settings::Help::kAll;
  const auto shown = [all](const Flag& flag) {
    return all || flag.Has(kCommon);
  };
  size_t column = 0;
  for (const Flag& flag : FlagTable()) {
    if (shown(flag))
      column = std::max(column, kIndent + FlagSynopsis(flag).size() + kGap);
  }

  std::string out = absl::StrCat(
      "reinit ", kVersion,
      ": an init for containers that keeps its process current and alive\n",
      Usage(all));
  std::optional<FlagGroup> group;
  for (const Flag& flag : FlagTable()) {
    if (!shown(flag)) continue;
    if (flag.group != group) {
      absl::StrAppend(&out, all ? "\n" : "", FlagGroupTitle(flag.group), ":\n");
      group = flag.group;
    }
    AppendFlag(flag, column, out);
  }
  absl::StrAppend(&out, "\n", all ? kFooterAll : kFooter);
  return out;
}

}  // namespace reinit
