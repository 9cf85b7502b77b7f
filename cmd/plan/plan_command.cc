#include "cmd/plan/plan_command.h"

#include <signal.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cmd/plan/plan_lines.h"
#include "reaper/log.h"
#include "reaper/value/signals.h"
#include "supervisor/options.h"
#include "supervisor/probe/target.h"
#include "supervisor/socket/listen_spec.h"
#include "supervisor/value/duration_text.h"
#include "supervisor/value/exit_codes.h"

namespace reinit {
namespace {

using Policy = RestartOptions::Policy;

void AppendListen(const ListenOptions& listen, std::string& out) {
  int number = kFirstPassedSocket;
  for (const ListenSpec& spec : listen.sockets) {
    AppendLine("holds",
               absl::StrCat(EscapeForLog(spec.text), ", for the process ",
                            spec.name, ", descriptor ", number++,
                            spec.reuse_port ? ", one for each worker" : ""),
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

void AppendOrder(const Options& options, std::string& out) {
  if (!options.Supervising() ||
      options.restart.order != RestartOptions::Order::kStartFirst) {
    return;
  }
  AppendLine("a restart",
             "starts the new process first, and stops the old one when the "
             "new one is ready",
             out);
}

// How often, how fast and how long restarts are tried.
void AppendRestartLimits(const Options& options, std::string& out) {
  if (!options.RestartsByItself()) return;
  const RestartOptions& restart = options.restart;
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

// What RestartsAfter (exit_strategy.h) decides.
std::string OnExit(const Options& options) {
  const RestartOptions& restart = options.restart;
  const std::string_view otherwise =
      options.after_exit == AfterExit::kWait
          ? "waits for the next change"
          : "exits with the status of the process";
  if (!options.RestartsAfterExit()) return std::string(otherwise);
  std::string text;
  const auto after = [&text](const ExitCodes& codes, std::string_view what) {
    if (codes.empty()) return;
    absl::StrAppend(&text, "after ", codes.ToString(), ": ", what, "; ");
  };
  after(restart.prevent, otherwise);
  after(restart.force, "starts it again");
  if (!text.empty()) text += "otherwise ";
  switch (restart.policy) {
    case Policy::kAlways:
      return absl::StrCat(text, "starts it again, whatever its status");
    case Policy::kOnFailure:
      return absl::StrCat(text, "starts it again if it failed, else ",
                          otherwise);
    case Policy::kOnAbnormal:
      return absl::StrCat(text, "starts it again if a signal ended it, else ",
                          otherwise);
    case Policy::kNo:
      break;
  }
  return absl::StrCat(text, otherwise);
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
    if (check.scheme().has_status)
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
    if (stop.signal != SIGTERM && !options.signals.rewrite.Changes(SIGTERM)) {
      AppendLine("SIGTERM", "passed on as " + signal, out);
    }
    return;
  }
  AppendLine("to restart", Ladder(signal, stop.timeout), out);
  if (stop.reload_signal != 0) {
    AppendLine("to reload",
               Ladder(SignalName(stop.reload_signal), stop.timeout), out);
  }
  AppendLine("what is left", Ladder("SIGTERM", stop.leftover_timeout), out);
  AppendLine(EndingSignals(options),
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

}  // namespace

std::string EndingSignals(const Options& options) {
  std::vector<int> signals = {SIGTERM, SIGINT, SIGQUIT};
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    const int sent = options.signals.rewrite.Of(signo);
    const bool ends = signo == options.stop.signal || sent == SIGTERM ||
                      sent == options.stop.signal;
    if (ends && std::count(signals.begin(), signals.end(), signo) == 0) {
      signals.push_back(signo);
    }
  }
  return absl::StrJoin(signals, ", ", [](std::string* text, int signo) {
    text->append(absl::StripPrefix(SignalName(signo), "SIG"));
  });
}

void AppendCommand(const Options& options, std::string& out) {
  AppendLine("when it exits", OnExit(options), out);
  if (!options.success.empty()) {
    AppendLine(
        "counts as success",
        absl::StrCat(options.success.ToString(), "; reinit then exits with 0"),
        out);
  }
  AppendHealth(options.health, out);
  AppendListen(options.listen, out);
  AppendReady(options, out);
  AppendLimits(options.limits, out);
  AppendOrder(options, out);
  AppendRestartLimits(options, out);
  AppendStop(options, out);
  AppendSignals(options.signals, out);
  if (options.clear) AppendLine("terminal", "cleared before each start", out);
}

}  // namespace reinit
