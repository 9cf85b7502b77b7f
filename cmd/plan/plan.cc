#include "cmd/plan.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cmd/plan_command.h"
#include "cmd/plan_lines.h"
#include "cmd/version.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "reaper/signals.h"
#include "supervisor/duration_text.h"
#include "supervisor/options.h"

namespace reinit {
namespace {

using Policy = RestartOptions::Policy;

std::string Strategies(const Options& options) {
  std::vector<std::string_view> names;
  if (!options.watch.paths.empty())
    names.push_back(StrategyName(options.watch));
  if (!options.health.checks.empty()) names.push_back("health");
  if (options.restart.policy != Policy::kNo) names.push_back("exit");
  if (options.ready.kind != ReadyOptions::Kind::kDefault) {
    names.push_back("readiness");
  }
  const LimitOptions& limits = options.limits;
  if (limits.watchdog != absl::InfiniteDuration()) names.push_back("watchdog");
  if (limits.memory != 0) names.push_back("memory");
  if (limits.age != absl::InfiniteDuration()) names.push_back("age");
  if (names.empty() && options.Supervising()) return "none";
  return names.empty() ? "none: a plain init" : absl::StrJoin(names, ", ");
}

void AppendProcess(const ProcessOptions& process, std::string& out) {
  if (process.as.credentials.has_value()) {
    const Credentials& who = *process.as.credentials;
    AppendLine("as user",
               absl::StrCat(who.uid, ", group ", who.gid, ", groups ",
                            absl::StrJoin(who.groups, ",")),
               out);
  }
  if (!process.as.directory.empty()) {
    AppendLine("in folder", Quoted(process.as.directory), out);
  }
  if (!process.pre_start.empty()) {
    AppendLine("before each start", QuotedList(process.pre_start, " "), out);
  }
  if (!process.post_stop.empty()) {
    AppendLine("after each end", QuotedList(process.post_stop, " "), out);
  }
  if (!process.environment_files.empty()) {
    AppendLine(
        "environment of",
        QuotedList(process.environment_files, ", ") + ", read at each start",
        out);
  }
  if (process.as.no_new_privileges) {
    AppendLine("privileges", "no new ones", out);
  }
}

std::string HowChangesAreNoticed(const Options& options) {
  const WatchOptions& watch = options.watch;
  const std::string delay = DurationText(options.reload_delay);
  if (watch.mode == WatchOptions::Mode::kPoll) {
    return absl::StrCat("every ", delay);
  }
  const std::string rest =
      absl::StrCat("; every ", delay, " where nothing is announced");
  if (watch.mode == WatchOptions::Mode::kInotify ||
      watch.scan == absl::ZeroDuration()) {
    return absl::StrCat("where inotify announces a change", rest);
  }
  return absl::StrCat("where inotify announces a change, and at all every ",
                      DurationText(watch.scan), rest);
}

std::string_view WhatIsCompared(WatchCompare compare) {
  switch (compare) {
    case WatchCompare::kStamp:
      return "by time and size of each file";
    case WatchCompare::kHash:
      return "by the content of each file";
    case WatchCompare::kAuto:
      break;
  }
  return "by time and size of each file, in Kubernetes volumes by content";
}

std::string OnChange(const Options& options) {
  std::string text;
  for (const ChangeAction& action : options.reload.on_change) {
    absl::StrAppend(&text, text.empty() ? "" : ", then ",
                    EscapeForLog(action.text));
  }
  if (text.empty()) text = "restarts the process";
  if (options.reload.check.empty()) return text;
  return absl::StrCat("runs ", QuotedList(options.reload.check, " "),
                      " and if it succeeds: ", text);
}

void AppendWatch(const Options& options, std::string& out) {
  const WatchOptions& watch = options.watch;
  if (watch.paths.empty()) return;
  std::string files = QuotedList(watch.paths, ", ");
  if (!watch.filter.extensions.empty()) {
    absl::StrAppend(&files, ", in folders only files that end in .",
                    absl::StrJoin(watch.filter.extensions, ", ."));
  }
  AppendLine("watches", EscapeForLog(files), out);
  const FilterOptions& filter = watch.filter;
  if (!filter.include.empty()) {
    AppendLine("includes", EscapeForLog(QuotedList(filter.include, ", ")), out);
  }
  std::string out_of_it = QuotedList(filter.exclude, ", ");
  const auto leave_out = [&out_of_it](std::string_view what) {
    absl::StrAppend(&out_of_it, out_of_it.empty() ? "" : ", ", what);
  };
  if (filter.ignore_files) leave_out("what .gitignore files leave out");
  if (filter.defaults) leave_out("version control, caches, editor litter");
  if (!out_of_it.empty()) {
    AppendLine("leaves out", EscapeForLog(out_of_it), out);
  }
  AppendLine("looks",
             absl::StrCat(HowChangesAreNoticed(options), ", ",
                          WhatIsCompared(watch.compare)),
             out);
  AppendLine(
      "on a change",
      absl::StrCat(OnChange(options), ", once nothing more has changed for ",
                   DurationText(watch.settle)),
      out);
}

// Of a sidecar.
void AppendTarget(const Options& options, std::string& out) {
  const TargetOptions& target = options.target;
  std::string who;
  const auto add = [&who](std::string_view what, const std::string& value) {
    if (value.empty()) return;
    absl::StrAppend(&who, who.empty() ? "" : ", ", what, Quoted(value));
  };
  add("named ", target.process);
  add("with arguments ", target.cmdline);
  add("whose pid is in ", target.pidfile);
  if (!who.empty()) {
    AppendLine("signals go to",
               absl::StrCat(target.all ? "all processes " : "the process ", who,
                            target.force ? ", whatever it handles" : ""),
               out);
  }
  AppendLine("TERM, INT, QUIT", "end it, with status 0", out);
  if (options.reload.signal != 0) {
    AppendLine(SignalName(options.reload.signal), "means a change", out);
  }
}

}  // namespace

std::string PlanText(const Options& options,
                     const std::vector<std::string>& warnings) {
  std::string out = absl::StrCat("reinit ", kVersion, " would do this:\n");
  const bool sidecar = options.Sidecar() && !options.reload.on_change.empty();
  AppendLine("runs",
             sidecar                   ? "nothing: tells others of changes"
             : options.command.empty() ? "nothing: no command"
                                       : QuotedList(options.command, " "),
             out);
  AppendProcess(options.process, out);
  AppendLine("strategies", Strategies(options), out);
  AppendWatch(options, out);
  if (sidecar) {
    AppendTarget(options, out);
  } else {
    AppendCommand(options, out);
  }
  if (options.Supervising()) {
    AppendLine("asked by ctl",
               options.control == kControlOff    ? "not at all"
               : options.control == kControlAuto ? "where /run can be written"
                                                 : Quoted(options.control),
               out);
  }
  if (options.status_listen.has_value()) {
    AppendLine("status",
               "served on " + EscapeForLog(options.status_listen->text), out);
  }
  AppendLine(
      "log",
      absl::StrCat(ToString(options.log_level),
                   options.log_format == LogFormat::kJson ? ", as JSON" : ""),
      out);
  for (const std::string& warning : warnings)
    AppendLine("warning", warning, out);
  return out;
}

}  // namespace reinit
