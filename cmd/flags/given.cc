#include "cmd/flags/given.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"
#include "reaper/log.h"
#include "supervisor/probe/target.h"

namespace reinit {
namespace {

// As much of a wrong value as helps to recognise it.
constexpr size_t kShownBytes = 200;

std::string Shown(std::string_view given) {
  const std::string shown = WithoutUrlSecrets(given);
  const std::string_view text = shown;
  if (text.size() <= kShownBytes) return EscapeForLog(text);
  return absl::StrCat(EscapeForLog(text.substr(0, kShownBytes)), "...");
}

// One pass over the arguments. Lives for one call of ScanArguments.
class Scanner {
 public:
  explicit Scanner(absl::Span<const std::string_view> args) : args_(args) {}

  Arguments Scan();

 private:
  void ScanFlag(std::string_view arg);
  void ScanUnknown(std::string_view arg, std::string_view name);
  void ScanNegated(const Flag& flag, std::string_view arg, bool has_value);
  void TakeNextAsValue(const Flag& flag, std::string_view arg);

  void Add(const Flag& flag, std::string_view value, std::string text) {
    result_.flags.push_back(
        {&flag, std::string(value), FlagSource::kCommandLine, std::move(text)});
  }
  void AddError(std::string_view arg, std::string_view what) {
    result_.errors.push_back(absl::StrCat(Shown(arg), ": ", what));
  }

  const absl::Span<const std::string_view> args_;
  size_t next_ = 0;
  Arguments result_;
};

Arguments Scanner::Scan() {
  bool mixed = false;  // flags may still follow operands
  while (next_ < args_.size()) {
    const std::string_view arg = args_[next_];
    if (arg == "--") {
      ++next_;
      break;
    }
    // A lone `-` is an operand, as everywhere.
    if (arg.size() > 1 && arg.front() == '-') {
      ++next_;
      ScanFlag(arg);
      continue;
    }
    if (mixed) {
      result_.operands.emplace_back(arg);
      ++next_;
      continue;
    }
    const Subcommand* const subcommand = FindSubcommand(arg);
    if (subcommand == nullptr) break;
    ++next_;
    result_.action = subcommand->action;
    mixed = subcommand->after == Subcommand::After::kFlags;
    if (mixed) continue;
    if (subcommand->after == Subcommand::After::kOperands &&
        next_ < args_.size() && args_[next_] == "--") {
      ++next_;
    }
    break;
  }
  for (; next_ < args_.size(); ++next_)
    result_.operands.emplace_back(args_[next_]);
  return std::move(result_);
}

void Scanner::ScanFlag(std::string_view arg) {
  std::string_view name = arg;
  const bool dashes = absl::ConsumePrefix(&name, "--");
  if (!dashes) name.remove_prefix(1);
  const size_t equals = name.find('=');
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? name.substr(equals + 1) : "";
  name = name.substr(0, equals);

  const Flag* flag = dashes ? FindFlag(name) : nullptr;
  if (flag == nullptr && dashes) {
    std::string_view positive = name;
    if (absl::ConsumePrefix(&positive, "no-") ||
        absl::ConsumePrefix(&positive, "no_")) {
      flag = FindFlag(positive);
      if (flag != nullptr) return ScanNegated(*flag, arg, has_value);
    }
  }
  if (flag == nullptr) return ScanUnknown(arg, name);

  if (has_value && value.empty()) {
    return AddError(
        arg, absl::StrCat("the value is empty; write ", FlagSynopsis(*flag)));
  }
  if (has_value) return Add(*flag, value, Shown(arg));
  if (flag->type == FlagType::kSwitch) return Add(*flag, "yes", Shown(arg));
  if (flag->type == FlagType::kOptionalValue) return Add(*flag, "", Shown(arg));
  TakeNextAsValue(*flag, arg);
}

void Scanner::ScanUnknown(std::string_view arg, std::string_view name) {
  const std::string nearest = NearestFlag(name);
  AddError(arg, nearest.empty() ? "unknown flag; --help=all shows all flags"
                                : absl::StrCat("unknown flag; did you mean ",
                                               nearest, "?"));
}

void Scanner::ScanNegated(const Flag& flag, std::string_view arg,
                          bool has_value) {
  if (flag.type != FlagType::kSwitch) {
    return AddError(arg,
                    absl::StrCat("--", flag.name, " is not a switch; write ",
                                 FlagSynopsis(flag)));
  }
  if (has_value) {
    return AddError(arg, absl::StrCat("takes no value; write --", flag.name,
                                      " or --no-", flag.name));
  }
  Add(flag, "no", Shown(arg));
}

void Scanner::TakeNextAsValue(const Flag& flag, std::string_view arg) {
  // `--watch --dev` is a forgotten value, not a folder called --dev: that needs
  // `--watch=--dev`.
  if (next_ == args_.size() || absl::StartsWith(args_[next_], "--")) {
    return AddError(
        arg, absl::StrCat("the value is missing; write ", FlagSynopsis(flag)));
  }
  const std::string_view value = args_[next_++];
  if (value.empty()) {
    return AddError(
        arg, absl::StrCat("the value is empty; write ", FlagSynopsis(flag)));
  }
  Add(flag, value, absl::StrCat(arg, "=", Shown(value)));
}

}  // namespace

Arguments ScanArguments(absl::Span<const std::string_view> args) {
  return Scanner(args).Scan();
}

bool IsInWorker(absl::Span<const std::string_view> environment) {
  constexpr std::string_view kWorker = "REINIT_WORKER=";
  return std::any_of(environment.begin(), environment.end(),
                     [&](std::string_view entry) {
                       return absl::StartsWith(entry, kWorker) &&
                              entry.size() > kWorker.size();
                     });
}

std::vector<GivenFlag> ScanEnvironment(
    absl::Span<const std::string_view> environment) {
  std::vector<GivenFlag> result;
  // Most environments have none: then no flag's name has to be made.
  std::vector<std::string_view> ours;
  std::copy_if(environment.begin(), environment.end(), std::back_inserter(ours),
               [](std::string_view text) {
                 return absl::StartsWith(text, kVariablePrefix);
               });
  if (ours.empty()) return result;
  const bool in_worker = IsInWorker(ours);
  for (const Flag& flag : FlagTable()) {
    if (in_worker && flag.name == "workers") continue;
    const std::string variable = FlagVariable(flag);
    if (variable.empty()) continue;
    const std::string prefix = absl::StrCat(variable, "=");
    const auto entry = std::find_if(
        ours.begin(), ours.end(),
        [&](std::string_view text) { return absl::StartsWith(text, prefix); });
    if (entry == ours.end()) continue;
    const std::string_view value = entry->substr(prefix.size());
    if (value.empty()) continue;
    const auto add = [&](std::string_view one) {
      result.push_back({&flag, std::string(one), FlagSource::kEnvironment,
                        absl::StrCat(prefix, Shown(one))});
    };
    if (flag.type == FlagType::kRepeated) {
      for (const std::string_view line :
           absl::StrSplit(value, '\n', absl::SkipEmpty()))
        add(line);
    } else {
      add(value);
    }
  }
  return result;
}

}  // namespace reinit
