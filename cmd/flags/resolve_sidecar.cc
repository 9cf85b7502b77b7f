// The resolver's part about a command line without a command.
#include <signal.h>

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flag_table.h"
#include "cmd/given.h"
#include "cmd/resolve.h"
#include "supervisor/options.h"

namespace reinit {
namespace {

// What is about a process that reinit starts.
bool NeedsCommand(const Flag& flag) {
  switch (flag.group) {
    case FlagGroup::kDev:
    case FlagGroup::kExit:
    case FlagGroup::kHealth:
    case FlagGroup::kStop:
      return flag.name != "leftover-timeout";
    case FlagGroup::kReady:
      return flag.name != "ready-file";
    default:
      return flag.name == "pre-start" || flag.name == "post-stop" ||
             flag.name == "restart-order" || flag.name == "forward-to" ||
             flag.name == "rewrite";
  }
}

}  // namespace

// What nobody can handle is no way to tell of a change.
void SettingsResolver::JudgeChangeSignals() {
  const Options& options = settings_.options;
  for (const ChangeAction& action : options.reload.on_change) {
    if (action.kind != ChangeAction::Kind::kSignal) continue;
    if (action.value == SIGSTOP) {
      errors_.push_back(absl::StrCat(
          "--on-change=", action.text,
          ": freezes the process; allowed is what it handles, as HUP"));
    } else if (action.value == SIGKILL && !options.target.force) {
      errors_.push_back(absl::StrCat(
          "--on-change=", action.text,
          ": no process can handle it; allowed is what it handles, as HUP, or "
          "restart; to end the target of a sidecar give --target-force"));
    }
  }
}

void SettingsResolver::JudgeSidecar() {
  Options& options = settings_.options;
  for (const GivenFlag& given : given_) {
    if (given.source == FlagSource::kCommandLine && NeedsCommand(*given.flag)) {
      errors_.push_back(absl::StrCat(given.text, ": needs a command to run"));
    }
  }
  // A variable may be there for others; a socket that nobody serves may not.
  options.listen.sockets.clear();
  options.ready.kind = ReadyOptions::Kind::kDefault;
  const bool aimed = options.target.Given();
  for (const ChangeAction& action : options.reload.on_change) {
    if (action.kind == ChangeAction::Kind::kRestart) {
      errors_.push_back("--on-change=restart: needs a command to run");
    }
    if (action.kind == ChangeAction::Kind::kSignal && !aimed) {
      errors_.push_back(
          absl::StrCat("--on-change=", action.text,
                       ": without a command it needs one of --target-process, "
                       "--target-cmdline and --target-pidfile"));
    }
  }
  if (options.watch.paths.empty() && options.reload.signal == 0) {
    errors_.push_back(
        absl::StrCat(Find("on-change")->text,
                     ": without a command it needs --watch; to run one write "
                     "`reinit [flags] [--] COMMAND [ARG...]`"));
  }
}

void SettingsResolver::RefuseTargets() {
  for (const GivenFlag& given : given_) {
    if (given.source != FlagSource::kCommandLine ||
        given.flag->group != FlagGroup::kSidecar) {
      continue;
    }
    errors_.push_back(absl::StrCat(
        given.text,
        ": only without a command; with one, signal: goes to its process"));
  }
}

}  // namespace reinit
