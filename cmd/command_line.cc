#include "cmd/command_line.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "cmd/ctl_line.h"
#include "cmd/flags/flag_values.h"
#include "cmd/flags/given.h"
#include "cmd/flags/help.h"
#include "cmd/flags/resolve.h"
#include "cmd/flags/settings.h"
#include "cmd/plan/plan.h"
#include "reaper/log.h"
#include "reaper/value/version.h"
#include "supervisor/probe/target.h"
#include "supervisor/workers/worker_options.h"

namespace reinit {
namespace {

constexpr std::string_view kProbeUsage = "reinit probe URL";

// True if there is nothing to do but to print: then it does not matter what
// else is wrong.
bool PrintsOnly(const Settings& settings, CommandLine& result) {
  if (settings.help == Settings::Help::kNone && !settings.version) return false;
  result.action = CommandLine::Action::kPrint;
  result.text = settings.help == Settings::Help::kNone
                    ? absl::StrCat("reinit ", kVersion, "\n")
                    : HelpText(settings.help);
  result.errors.clear();
  return true;
}

void FinishProbe(const Arguments& arguments, Settings& settings,
                 CommandLine& result) {
  result.action = CommandLine::Action::kProbe;
  if (arguments.operands.size() != 1) {
    result.errors.push_back(
        absl::StrCat("probe: ",
                     arguments.operands.empty() ? "the URL is missing"
                                                : "takes one URL only",
                     "; write `", kProbeUsage,
                     "`, or `-- probe` for a program of that name"));
    return;
  }
  const std::string& url = arguments.operands.front();
  const absl::Status status =
      AddProbeTarget(url, &settings.options.health.checks);
  std::string_view wrong = status.message();
  if (status.ok()) {
    wrong = settings.options.health.checks.front().scheme().not_for_probe;
    if (wrong.empty()) return;
  }
  result.errors.push_back(absl::StrCat("probe ",
                                       EscapeForLog(WithoutUrlSecrets(url)),
                                       ": ", EscapeForLog(wrong)));
}

void FinishRun(bool sidecar, Arguments& arguments, Settings& settings,
               CommandLine& result) {
  settings.options.command = std::move(arguments.operands);
  if (sidecar) return;
  FillInOnlyWorker(&settings.options);
  if (settings.options.command.empty()) {
    result.errors.push_back(
        "no command to run; write `reinit [flags] [--] COMMAND [ARG...]`, or "
        "--help; a sidecar has --watch and --on-change instead");
  } else if (settings.options.command.front().empty()) {
    result.errors.push_back("the command to run is an empty word");
  }
}

// Flags are of no use to these, so variables are not judged.
CommandLine WithoutFlags(Arguments& arguments, CommandLine::Action action,
                         std::string_view word) {
  CommandLine result;
  result.action = action;
  result.errors = std::move(arguments.errors);
  for (const GivenFlag& given : arguments.flags) {
    result.errors.push_back(
        absl::StrCat(given.text, ": not a flag of `reinit ", word, "`"));
  }
  return result;
}

CommandLine SelfInstall(Arguments& arguments) {
  CommandLine result = WithoutFlags(
      arguments, CommandLine::Action::kSelfInstall, "self-install");
  const std::vector<std::string>& folders = arguments.operands;
  if (folders.size() != 1 || folders.front().empty()) {
    result.errors.push_back(absl::StrCat(
        "self-install: ",
        folders.size() > 1 ? "takes one folder only" : "the folder is missing",
        "; write `reinit self-install DIR`, or `-- self-install` for a program "
        "of that name"));
  }
  result.options.command = std::move(arguments.operands);
  return result;
}

CommandLine ListenExec(Arguments& arguments) {
  CommandLine result =
      WithoutFlags(arguments, CommandLine::Action::kListenExec, "listen-exec");
  if (arguments.operands.empty() || arguments.operands.front().empty()) {
    result.errors.push_back(
        "listen-exec: the command is missing; write `reinit listen-exec -- "
        "COMMAND [ARG...]`, or `-- listen-exec` for a program of that name");
  }
  result.options.command = std::move(arguments.operands);
  return result;
}

// Only --control is of use to it, and of the variables only that.
CommandLine Ctl(Arguments& arguments,
                absl::Span<const std::string_view> environment) {
  CommandLine result;
  const auto& words = arguments.operands;
  if (std::find(words.begin(), words.end(), "--help") != words.end()) {
    result.action = CommandLine::Action::kPrint;
    result.text = absl::StrCat(kCtlUsage, "\nSee docs/control.md\n");
    return result;
  }
  result.action = CommandLine::Action::kCtl;
  result.errors = std::move(arguments.errors);
  std::vector<GivenFlag> given = ScanEnvironment(environment);
  const auto is_other = [](const GivenFlag& flag) {
    return flag.flag->name != "control";
  };
  given.erase(std::remove_if(given.begin(), given.end(), is_other),
              given.end());
  for (GivenFlag& flag : arguments.flags) {
    if (is_other(flag)) {
      result.errors.push_back(
          absl::StrCat(flag.text, ": not a flag of `reinit ctl`"));
    } else {
      given.push_back(std::move(flag));
    }
  }
  Settings settings;
  for (const GivenFlag& flag : given) {
    const absl::Status status = flag.flag->set(flag.value, settings);
    if (status.ok()) continue;
    result.errors.push_back(
        absl::StrCat(flag.text, ": ", EscapeForLog(status.message())));
  }
  result.ctl =
      ParseCtl(arguments.operands, settings.options.control, &result.errors);
  return result;
}

void Append(std::vector<std::string>& from, std::vector<std::string>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()),
            std::make_move_iterator(from.end()));
  from.clear();
}

}  // namespace

CommandLine ParseCommandLine(absl::Span<const std::string_view> args,
                             absl::Span<const std::string_view> environment,
                             const CommandLineContext& context) {
  Arguments arguments = ScanArguments(args);
  switch (arguments.action) {
    case LineAction::kListenExec:
      return ListenExec(arguments);
    case LineAction::kSelfInstall:
      return SelfInstall(arguments);
    case LineAction::kCtl:
      return Ctl(arguments, environment);
    case LineAction::kRun:
    case LineAction::kProbe:
    case LineAction::kCheck:  // these two are flags
    case LineAction::kPrint:
      break;
  }
  const bool probe = arguments.action == LineAction::kProbe;
  CommandLine result;
  result.errors = std::move(arguments.errors);

  SettingsResolver resolver(std::move(arguments.flags),
                            ScanEnvironment(environment));
  if (probe) resolver.KeepProbeFlags();
  resolver.Apply(context.on_terminal);
  const bool sidecar = !probe && arguments.operands.empty() &&
                       resolver.Find("on-change") != nullptr;
  if (!probe) resolver.FinishRun(sidecar, context.count_cpus);
  Resolved resolved = resolver.Take();
  Settings& settings = resolved.settings;
  Append(resolved.errors, result.errors);
  if (PrintsOnly(settings, result)) return result;

  result.warnings = std::move(resolved.warnings);
  result.unanswered = resolved.unanswered;
  if (probe) {
    FinishProbe(arguments, settings, result);
  } else {
    FinishRun(sidecar, arguments, settings, result);
  }
  result.options = std::move(settings.options);
  if (settings.check) {
    result.action = CommandLine::Action::kCheck;
    if (result.errors.empty()) {
      result.text = PlanText(result.options, result.warnings);
    }
  }
  return result;
}

CommandLine ParseFlagVariables(absl::Span<const std::string_view> environment) {
  SettingsResolver resolver({}, ScanEnvironment(environment));
  resolver.Apply(/*on_terminal=*/false);
  resolver.FinishRun(/*sidecar=*/false, CountCpusInTime);
  CommandLine result;
  Resolved resolved = resolver.Take();
  result.errors = std::move(resolved.errors);
  result.warnings = std::move(resolved.warnings);
  result.options = std::move(resolved.settings.options);
  return result;
}

}  // namespace reinit
