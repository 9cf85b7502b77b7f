#include "cmd/plan.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "cmd/version.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "reaper/signals.h"
#include "supervisor/duration_text.h"
#include "supervisor/options.h"
#include "supervisor/probe/target.h"
#include "supervisor/socket/listen_spec.h"

namespace reinit {
namespace {

using Policy = RestartOptions::Policy;

constexpr size_t kLabelWidth = 18;

void AppendLine(std::string_view label, std::string_view text,
                std::string& out) {
  absl::StrAppend(&out, "  ", label);
  out.append(kLabelWidth - std::min(kLabelWidth, label.size()), ' ');
  absl::StrAppend(&out, text, "\n");
}

// As one would type it into a shell, so that the borders of words are seen.
std::string Quoted(std::string_view word) {
  const bool plain =
      !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("-_./:=,+@%").find(c) != std::string_view::npos;
      });
  if (plain) return std::string(word);
  return absl::StrCat(
      "'", absl::StrReplaceAll(EscapeForLog(word), {{"'", "'\\''"}}), "'");
}

std::string QuotedList(const std::vector<std::string>& words,
                       std::string_view separator) {
  return absl::StrJoin(words, separator,
                       [](std::string* out, const std::string& word) {
                         out->append(Quoted(word));
                       });
}

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

void AppendListen(const ListenOptions& listen, std::string& out) {
  int number = kFirstPassedSocket;
  for (const ListenSpec& spec : listen.sockets) {
    AppendLine("holds",
               absl::StrCat(EscapeForLog(spec.text), ", for the process ",
                            spec.name, ", descriptor ", number++),
               out);
  }
  if (listen.sockets.empty()) return;
  AppendLine("tells it by",
             absl::StrJoin(listen.forms, ", ",
                           [](std::string* to, ListenForm form) {
                             absl::StrAppend(to, ToString(form));
                           }) +
                 absl::StrCat("; up to ", listen.backlog, " connections wait"),
             out);
}

void AppendReady(const Options& options, std::string& out) {
  using Kind = ReadyOptions::Kind;
  const ReadyOptions& ready = options.ready;
  const std::string within =
      ready.timeout == absl::InfiniteDuration()
          ? ", however long that takes"
          : absl::StrCat(", within ", DurationText(ready.timeout),
                         ", else it is restarted");
  switch (ready.kind) {
    case Kind::kDefault:
      break;
    case Kind::kExec:
      AppendLine("ready when", "it runs", out);
      break;
    case Kind::kDelay:
      AppendLine("ready when", "it has run for " + DurationText(ready.delay),
                 out);
      break;
    case Kind::kNotify:
      AppendLine("ready when", "it says READY=1" + within, out);
      break;
    case Kind::kDescriptor:
      AppendLine("ready when",
                 absl::StrCat("it writes a newline to descriptor ",
                              ready.descriptor, within),
                 out);
      break;
    case Kind::kAccept:
      AppendLine("ready when",
                 "it accepts connections on what it was passed" + within, out);
      break;
    case Kind::kCheck:
      AppendLine("ready when", EscapeForLog(ready.check[0].text) + within, out);
      break;
  }
  if (!ready.file.empty()) {
    AppendLine("while ready", absl::StrCat(Quoted(ready.file), " exists"), out);
  }
}

void AppendLimits(const LimitOptions& limits, std::string& out) {
  if (limits.watchdog != absl::InfiniteDuration()) {
    AppendLine("watchdog",
               absl::StrCat("WATCHDOG=1 at least every ",
                            DurationText(limits.watchdog),
                            ", else SIGABRT, SIGKILL 10s later, restart"),
               out);
  }
  if (limits.memory != 0) {
    AppendLine("memory",
               absl::StrCat("restarts above ", limits.memory, " bytes"), out);
  }
  if (limits.age != absl::InfiniteDuration()) {
    AppendLine("age",
               absl::StrCat("restarts after ", DurationText(limits.age),
                            ", give or take a tenth"),
               out);
  }
}

// How often, how fast and how long restarts are tried.
void AppendRestartLimits(const Options& options, std::string& out) {
  const RestartOptions& restart = options.restart;
  if (restart.order == RestartOptions::Order::kStartFirst) {
    AppendLine("a restart",
               "starts the new process first, and stops the old one when the "
               "new one is ready",
               out);
  }
  const bool waits = restart.delay > absl::ZeroDuration();
  AppendLine("before a restart",
             !waits ? "does not wait"
                    : absl::StrCat("waits ", DurationText(restart.delay),
                                   ", twice as long each time up to ",
                                   DurationText(restart.delay_max), "; from ",
                                   DurationText(restart.delay), " again after ",
                                   DurationText(restart.reset), " of running"),
             out);
  if (restart.limit_burst == 0 ||
      restart.limit_interval == absl::ZeroDuration()) {
    AppendLine("gives up", "never", out);
    return;
  }
  const bool ever = restart.limit_interval == absl::InfiniteDuration();
  AppendLine(
      "gives up",
      absl::StrCat(
          "after ", restart.limit_burst,
          restart.limit_burst == 1 ? " restart" : " restarts",
          ever ? ""
               : absl::StrCat(" within ", DurationText(restart.limit_interval)),
          !StaysAfterGivingUp(options)
              ? "; then exits with the status of the process, never 0"
          : options.watch.paths.empty() ? "; then stays, without a process"
                                        : "; then waits for the next change"),
      out);
}

std::string OnExit(const Options& options) {
  const std::string_view otherwise =
      options.after_exit == AfterExit::kWait
          ? "waits for the next change"
          : "exits with the status of the process";
  switch (options.restart.policy) {
    case Policy::kAlways:
      return "starts it again, whatever its status";
    case Policy::kOnFailure:
      return absl::StrCat("starts it again if it failed, else ", otherwise);
    case Policy::kOnAbnormal:
      return absl::StrCat("starts it again if a signal ended it, else ",
                          otherwise);
    case Policy::kNo:
      break;
  }
  return std::string(otherwise);
}

std::string Expected(const std::vector<std::pair<int, int>>& ranges) {
  return absl::StrJoin(ranges, ",",
                       [](std::string* out, const std::pair<int, int>& range) {
                         absl::StrAppend(out, range.first);
                         if (range.second != range.first)
                           absl::StrAppend(out, "-", range.second);
                       });
}

std::string WhenUnhealthy(const OnUnhealthy& on_failure) {
  switch (on_failure.what) {
    case OnUnhealthy::What::kRestart:
      return "restarts the process";
    case OnUnhealthy::What::kExit:
      return "stops the process and exits with 1";
    case OnUnhealthy::What::kSignal:
      return absl::StrCat("sends the process ", SignalName(on_failure.signal));
    case OnUnhealthy::What::kNone:
      return "says so";
  }
  return "";
}

void AppendHealth(const HealthOptions& health, std::string& out) {
  if (health.checks.empty()) return;
  for (const ProbeTarget& check : health.checks) {
    std::string text = EscapeForLog(check.text);
    if (check.kind == ProbeTarget::Kind::kHttp)
      absl::StrAppend(&text, " answers ", Expected(health.expect));
    AppendLine("healthy if", text, out);
  }
  AppendLine(
      "checks",
      absl::StrCat("every ", DurationText(health.interval), ", each at most ",
                   DurationText(health.timeout),
                   "; failures count after the first success, or ",
                   DurationText(health.start_period), " after the start"),
      out);
  AppendLine(
      "when unhealthy",
      absl::StrCat(health.retries == 1
                       ? std::string("one failure")
                       : absl::StrCat(health.retries, " failures in a row"),
                   ": ", WhenUnhealthy(health.on_failure)),
      out);
}

std::string Ladder(std::string_view first, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration())
    return absl::StrCat(first, ", and waits as long as it takes");
  return absl::StrCat(first, ", SIGKILL ", DurationText(timeout), " later");
}

void AppendStop(const Options& options, std::string& out) {
  const StopOptions& stop = options.stop;
  const std::string signal = SignalName(stop.signal);
  if (!options.Supervising()) {
    AppendLine("signals", "passed on to the process as they come", out);
    return;
  }
  AppendLine("to restart", Ladder(signal, stop.timeout), out);
  if (stop.reload_signal != 0) {
    AppendLine("to reload",
               Ladder(SignalName(stop.reload_signal), stop.timeout), out);
  }
  AppendLine("what is left", Ladder("SIGTERM", stop.leftover_timeout), out);
  AppendLine("TERM, INT, QUIT",
             absl::StrCat("end it all: passed on",
                          stop.signal == SIGTERM
                              ? ""
                              : absl::StrCat(" (", signal, " for TERM)"),
                          ", then reinit exits with the status of the process"),
             out);
  if (options.reload.signal != 0) {
    AppendLine(SignalName(options.reload.signal), "means reload", out);
  }
  if (stop.drain_delay > absl::ZeroDuration()) {
    AppendLine("before that",
               absl::StrCat("not ready for ", DurationText(stop.drain_delay)),
               out);
  }
  if (stop.shutdown_timeout != absl::InfiniteDuration()) {
    AppendLine("if it does not end",
               "SIGKILL " + DurationText(stop.shutdown_timeout) + " later",
               out);
  }
}

void AppendSignals(const SignalOptions& signals, std::string& out) {
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    if (!signals.rewrite.Changes(signo)) continue;
    const int to = signals.rewrite.Of(signo);
    AppendLine(SignalName(signo),
               to == 0 ? "dropped" : "passed on as " + SignalName(to), out);
  }
  if (signals.forward_to == SignalOptions::ForwardTo::kGroup) {
    AppendLine("signals go to", "the process's whole group", out);
  }
}

// What is about the process itself.
void AppendCommand(const Options& options, std::string& out) {
  AppendLine("when it exits", OnExit(options), out);
  AppendHealth(options.health, out);
  AppendListen(options.listen, out);
  AppendReady(options, out);
  AppendLimits(options.limits, out);
  if (options.restart.policy != Policy::kNo || !options.health.checks.empty()) {
    AppendRestartLimits(options, out);
  }
  AppendStop(options, out);
  AppendSignals(options.signals, out);
  if (options.clear) AppendLine("terminal", "cleared before each start", out);
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
