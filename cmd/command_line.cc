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
#include "cmd/flag_values.h"
#include "cmd/given.h"
#include "cmd/help.h"
#include "cmd/plan.h"
#include "cmd/resolve.h"
#include "cmd/settings.h"
#include "cmd/version.h"
#include "reaper/log.h"

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
    const ProbeTarget::Kind kind = settings.options.health.checks.front().kind;
    if (kind == ProbeTarget::Kind::kExec) {
      wrong =
          "only what is asked over a socket; run the command itself instead";
    } else if (kind == ProbeTarget::Kind::kFile) {
      wrong =
          "only what is asked over a socket; one look at a file tells nothing";
    } else if (kind == ProbeTarget::Kind::kStall) {
      wrong = "only for --health: it is about the sockets that reinit holds";
    } else {
      return;
    }
  }
  result.errors.push_back(
      absl::StrCat("probe ", EscapeForLog(url), ": ", EscapeForLog(wrong)));
}

void FinishRun(bool sidecar, Arguments& arguments, Settings& settings,
               CommandLine& result) {
  settings.options.command = std::move(arguments.operands);
  if (sidecar) return;
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
  if (arguments.listen_exec) return ListenExec(arguments);
  if (arguments.self_install) return SelfInstall(arguments);
  if (arguments.ctl) return Ctl(arguments, environment);
  CommandLine result;
  result.errors = std::move(arguments.errors);

  SettingsResolver resolver(std::move(arguments.flags),
                            ScanEnvironment(environment));
  Settings& settings = resolver.settings();
  if (arguments.probe) resolver.KeepProbeFlags();
  resolver.Apply(context.on_terminal);
  const bool sidecar = !arguments.probe && arguments.operands.empty() &&
                       resolver.Find("on-change") != nullptr;
  if (!arguments.probe) resolver.FinishRun(sidecar);
  Append(resolver.errors(), result.errors);
  if (PrintsOnly(settings, result)) return result;

  result.warnings = std::move(resolver.warnings());
  result.unanswered = resolver.unanswered();
  if (arguments.probe) {
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
  resolver.FinishRun(/*sidecar=*/false);
  CommandLine result;
  result.errors = std::move(resolver.errors());
  result.warnings = std::move(resolver.warnings());
  result.options = std::move(resolver.settings().options);
  return result;
}

}  // namespace reinit
