// Judges a command line without a command: a sidecar's.
#include <signal.h>

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/given.h"
#include "cmd/flags/resolve.h"
#include "supervisor/options.h"
#include "supervisor/watch/tree/absolute_path.h"

namespace reinit {
// A signal that cannot be caught cannot announce a change.
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
    if (given.source == FlagSource::kCommandLine &&
        given.flag->Has(kNeedsCommand)) {
      errors_.push_back(absl::StrCat(given.text, ": needs a command to run"));
    }
  }
  // An inherited variable is ignored here, but no socket may be held that no
  // process serves.
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
  JudgeOnStart();
  if (options.watch.paths.empty() && options.reload.signal == 0) {
    errors_.push_back(
        absl::StrCat(Find("on-change")->text,
                     ": without a command it needs --watch; to run one write "
                     "`reinit [flags] [--] COMMAND [ARG...]`"));
  }
}

// A file that is written after each change must not be a change.
void SettingsResolver::JudgeOnStart() {
  const ReloadOptions& reload = settings_.options.reload;
  if (reload.on_start_file.empty()) return;
  const std::string& text = Find("on-start-file")->text;
  if (reload.on_start != ReloadOptions::OnStart::kApply) {
    warnings_.push_back(
        absl::StrCat(text, ": has no effect without --on-start=apply"));
  }
  const std::string file = AbsolutePath(reload.on_start_file, "");
  for (const std::string& path : settings_.options.watch.paths) {
    std::string root = AbsolutePath(path == "." ? "" : path, "");
    while (root.size() > 1 && root.back() == '/') root.pop_back();
    if (file == root ||
        absl::StartsWith(file, root == "/" ? root : root + "/")) {
      errors_.push_back(absl::StrCat(
          text, ": lies in --watch=", path,
          ", so each change would be followed by another; allowed is a file "
          "elsewhere"));
    }
  }
}

void SettingsResolver::RefuseTargets() {
  for (const GivenFlag& given : given_) {
    if (given.source != FlagSource::kCommandLine ||
        given.flag->group != FlagGroup::kSidecar) {
      continue;
    }
    errors_.push_back(
        absl::StrCat(given.text, ": only without a command; ",
                     absl::StartsWith(given.flag->name, "on-start")
                         ? "a process that starts has read what is there"
                         : "with one, signal: goes to its process"));
  }
}

}  // namespace reinit
