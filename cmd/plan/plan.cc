#include "cmd/plan/plan.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "cmd/plan/plan_command.h"
#include "cmd/plan/plan_lines.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "reaper/value/signals.h"
#include "reaper/value/version.h"
#include "supervisor/options.h"
#include "supervisor/strategy/registry.h"
#include "supervisor/value/duration_text.h"
#include "supervisor/watch/settle.h"

namespace reinit {
namespace {

std::string Strategies(const Options& options) {
  const std::vector<std::string_view> names = StrategiesOf(options);
  if (!names.empty()) return absl::StrJoin(names, ", ");
  return options.Supervising() ? "none" : "none: a plain init";
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
  if (!process.environment.empty()) {
    // Without the values: they may be secret.
    std::vector<std::string> names;
    for (const std::string_view entry : process.environment) {
      names.emplace_back(entry.substr(0, entry.find('=')));
    }
    AppendLine("sets", QuotedList(names, ", ") + " in its environment", out);
  }
  if (process.as.no_new_privileges) {
    AppendLine("privileges", "no new ones", out);
  }
}

// The processes of the command, if there are several.
void AppendWorkers(const WorkersOptions& workers, std::string& out) {
  const std::string_view why = workers.count_reason;
  if (workers.count > 1 || !why.empty()) {
    AppendLine("workers",
               absl::StrCat(workers.count, why.empty() ? "" : " (", why,
                            why.empty() ? "" : ")"),
               out);
  }
  if (workers.count == 1) return;
  AppendLine(
      "reinit is ready",
      workers.ready == 0
          ? "once all workers are; later while 1 worker is"
          : absl::StrCat("while ", workers.ready,
                         workers.ready == 1 ? " worker is" : " workers are"),
      out);
  std::string pace = "one at first, then ";
  absl::StrAppend(&pace, workers.parallelism, " at a time");
  if (workers.monitor > absl::ZeroDuration()) {
    absl::StrAppend(&pace, ", with a pause of ", DurationText(workers.monitor));
  }
  AppendLine("replaces workers", pace, out);
  if (workers.scale_signals) {
    AppendLine("TTIN, TTOU", "add and remove a worker", out);
  }
  if (workers.log_prefix) {
    AppendLine("output lines", "begin with the number of the worker", out);
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
                      DurationText(watch.scan),
                      watch.scan_adapts ? ", or less often where that costs "
                                          "much and all is announced"
                                        : "",
                      rest);
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

std::string SettleTime(const WatchOptions& watch) {
  // Only what inotify announces can be told to be a save, or to be fine.
  if (watch.mode == WatchOptions::Mode::kPoll) {
    return DurationText(std::max(watch.settle, Settle::kMin));
  }
  std::string time = DurationText(watch.settle);
  if (watch.settle_adapts) {
    return absl::StrCat(time, ", or for ", DurationText(Settle::kQuick),
                        " if it was a single saved file");
  }
  if (watch.settle >= Settle::kMin) return time;
  return absl::StrCat(time, " (", DurationText(Settle::kMin),
                      " where file stamps are coarse)");
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
                   SettleTime(watch)),
      out);
  if (options.reload.on_start == ReloadOptions::OnStart::kApply) {
    const std::string& file = options.reload.on_start_file;
    AppendLine("at the start",
               absl::StrCat("does the same",
                            file.empty()
                                ? ""
                                : absl::StrCat(", unless ", Quoted(file),
                                               " shows that this "
                                               "content was applied already")),
               out);
  }
  if (watch.on_stale_mount == WatchOptions::OnStaleMount::kExit) {
    AppendLine("on a stale mount", "exits with 1", out);
  }
}

// How long an action of --on-change may take, and what follows a failed one.
void AppendActions(const ReloadOptions& reload, std::string& out) {
  if (reload.on_change.empty()) return;
  AppendLine("actions",
             absl::StrCat("fail after ", DurationText(reload.timeout),
                          "; a failed one is tried again after ",
                          DurationText(reload.retry_delay),
                          ", then less and less often"),
             out);
  if (!reload.headers_file.empty()) {
    AppendLine("http sends", "the lines of " + Quoted(reload.headers_file),
               out);
  }
  if (!reload.auth_file.empty()) {
    AppendLine("http logs in", "as " + Quoted(reload.auth_file) + " says", out);
  }
}

// The processes that a sidecar tells of changes.
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
    if (target.on_missing == TargetOptions::OnMissing::kFail) {
      AppendLine("without a target", "exits with 1", out);
    }
  }
  AppendLine(EndingSignals(options), "end it, with status 0", out);
  if (options.reload.signal != 0) {
    AppendLine(SignalName(options.reload.signal), "means a change", out);
  }
}

// reinit's own place among the processes, and its last words.
void AppendPid1(const Options& options, std::string& out) {
  if (options.subreaper == Subreaper::kNo) {
    AppendLine("orphans", "are adopted by PID 1 only", out);
  }
  if (options.parent_death_signal != 0) {
    AppendLine("its parent's end",
               "reinit gets " + SignalName(options.parent_death_signal), out);
  }
  if (!options.termination_log.empty()) {
    AppendLine(
        "at the end",
        absl::StrCat("writes the reason to ", Quoted(options.termination_log)),
        out);
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
  AppendWorkers(options.workers, out);
  AppendLine("strategies", Strategies(options), out);
  AppendWatch(options, out);
  AppendActions(options.reload, out);
  if (sidecar) {
    AppendTarget(options, out);
  } else {
    AppendCommand(options, out);
  }
  AppendPid1(options, out);
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
