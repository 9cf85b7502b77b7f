#include "cmd/flags/flag_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cmd/flags/flag_examples.h"
#include "cmd/flags/settings.h"
#include "gtest/gtest.h"
#include "supervisor/options.h"

namespace reinit {
namespace {

// Everything that setters can write. The structured bindings do not compile any
// more when a field is added: then it belongs in here too.
std::string Dump(const Settings& settings) {
  const auto& [options, dev, check, version, help, restart_burst,
               workers_auto] = settings;
  const auto& [command, reload_delay, watch, health, ready, listen, reload, aim,
               limits, restart, workers, stop, after_exit, success, signals,
               process, init, subreaper, parent_death_signal, termination_log,
               control, status_listen, log_level, log_format, clear] = options;
  const auto& [ready_kind, ready_delay, descriptor, ready_check, ready_timeout,
               ready_file] = ready;
  const auto& [listen_sockets, backlog, forms] = listen;
  const auto& [on_change, reload_check, reload_timeout, retry_delay,
               reload_signal, headers_file, auth_file, on_start,
               on_start_file] = reload;
  const auto& [target_process, target_cmdline, pidfile, target_all,
               target_force, on_missing] = aim;
  const auto& [memory, age, watchdog] = limits;
  const auto& [paths, mode, compare, scan, scan_adapts, settle, settle_adapts,
               filter, on_stale] = watch;
  const auto& [extensions, include, exclude, ignore_files, defaults] = filter;
  const auto& [checks, interval, timeout, retries, start_period, expect,
               on_failure] = health;
  const auto& [policy, prevent, force, delay, delay_max, reset, burst,
               limit_interval, action, order] = restart;
  const auto& [signal, reload_stop_signal, stop_timeout, leftover,
               shutdown_timeout, drain_delay] = stop;
  const auto& [forward_to, rewrite] = signals;
  const auto& [count, given, count_reason, self, workers_ready, parallelism,
               monitor, scale_signals, log_prefix] = workers;
  const auto& [as, environment, environment_files, pre_start, post_stop,
               background] = process;
  const auto& [inherited, directory, start_directory, credentials,
               no_new_privileges, stdout_fd, stderr_fd, script,
               exec_failure_code] = as;

  std::string out;
  const auto add = [&out](const auto&... values) {
    ((out += absl::StrCat(values, " ")), ...);
  };
  const auto add_duration = [&out](const auto&... durations) {
    ((out += absl::FormatDuration(durations) + " "), ...);
  };
  add(dev, check, version, static_cast<int>(help), restart_burst.value_or(-1));
  add(static_cast<int>(after_exit), static_cast<int>(log_level), clear);
  add("log", static_cast<int>(log_format));
  add("workers", workers_auto, count, given, count_reason, self, workers_ready,
      parallelism, scale_signals, log_prefix, background, stdout_fd, stderr_fd);
  add_duration(monitor);
  add(static_cast<int>(mode), static_cast<int>(compare), retries,
      static_cast<int>(policy), burst);
  add(static_cast<int>(action), static_cast<int>(order), signal,
      static_cast<int>(on_stale), scan_adapts, settle_adapts);
  add_duration(reload_delay, scan, settle, interval, timeout, start_period,
               delay, delay_max, reset, limit_interval, stop_timeout, leftover);
  add(static_cast<int>(subreaper), parent_death_signal, no_new_privileges);
  add(static_cast<int>(forward_to), directory, start_directory,
      inherited.blocked);
  add(static_cast<int>(ready_kind), descriptor, ready_file, reload_signal);
  add("http", headers_file, auth_file, "start", static_cast<int>(on_start),
      on_start_file);
  add(memory, reload_stop_signal, termination_log, control,
      status_listen.has_value() ? status_listen->text : "-");
  add_duration(ready_delay, ready_timeout, reload_timeout, retry_delay, age,
               watchdog, shutdown_timeout, drain_delay);
  add(backlog, "target", target_process, target_cmdline, pidfile, target_all,
      target_force, static_cast<int>(on_missing));
  for (const auto& spec : listen_sockets) add("listen", spec.text, spec.name);
  for (const auto form : forms) add("form", ToString(form));
  for (const auto& target : ready_check) add("ready", target.text);
  for (const auto& word : reload_check) add("reload-check", word);
  for (const auto& [kind, value, text, request, argv] : on_change) {
    add("on-change", static_cast<int>(kind), value, text, request.text,
        argv.size());
  }
  if (credentials.has_value()) add("uid", credentials->uid);
  add(static_cast<int>(on_failure.what), on_failure.signal);
  for (int number = 0; number < 256; ++number) {
    if (prevent.Contains({.code = number})) add("prevent", number);
    if (force.Contains({.code = number})) add("force", number);
    if (success.Contains({.code = number})) add("success", number);
  }
  for (int signo = 1; signo <= kMaxSignal; ++signo) {
    if (rewrite.Changes(signo)) add("rewrite", signo, rewrite.Of(signo));
  }
  for (const auto& entry : environment) add("env", entry);
  for (const auto& file : environment_files) add("env-file", file);
  for (const auto& word : command) add("command", word);
  for (const auto& word : pre_start) add("pre-start", word);
  for (const auto& word : post_stop) add("post-stop", word);
  for (const auto& path : paths) add("path", path);
  for (const auto& extension : extensions) add("ext", extension);
  for (const auto& glob : include) add("include", glob);
  for (const auto& glob : exclude) add("exclude", glob);
  add(ignore_files, defaults);
  for (const auto& target : checks) add("check", target.text);
  for (const auto& [first, last] : expect) add("expect", first, last);
  return out;
}

TEST(FlagTable, NamesAreUniqueAndWellFormed) {
  std::set<std::string_view> names;
  for (const Flag& flag : FlagTable()) {
    EXPECT_TRUE(names.insert(flag.name).second) << flag.name;
    EXPECT_TRUE(std::all_of(flag.name.begin(), flag.name.end(), [](char c) {
      return absl::ascii_islower(c) || c == '-';
    })) << flag.name;
    // Else `--no-x` could mean two things.
    if (absl::StartsWith(flag.name, "no-")) {
      EXPECT_EQ(FindFlag(flag.name.substr(3)), nullptr) << flag.name;
    }
    EXPECT_EQ(FindFlag(flag.name), &flag);
  }
}

TEST(FlagTable, RowsAreComplete) {
  for (const Flag& flag : FlagTable()) {
    ASSERT_NE(flag.set, nullptr) << flag.name;
    EXPECT_FALSE(flag.help.empty()) << flag.name;
    EXPECT_EQ(flag.placeholder.empty(), flag.type == FlagType::kSwitch)
        << flag.name;
    EXPECT_FALSE(FlagGroupTitle(flag.group).empty()) << flag.name;
    if (flag.type == FlagType::kRepeated) {
      EXPECT_TRUE(flag.standard.empty()) << flag.name;
    }
  }
}

TEST(FlagTable, GroupsStayTogether) {
  std::set<FlagGroup> finished;
  FlagGroup group = FlagTable().front().group;
  for (const Flag& flag : FlagTable()) {
    if (flag.group == group) continue;
    EXPECT_TRUE(finished.insert(group).second) << flag.name;
    group = flag.group;
  }
  EXPECT_FALSE(finished.contains(group));
}

TEST(FlagTable, DefaultsAreThoseOfOptions) {
  const std::string untouched = Dump(Settings());
  for (const Flag& flag : FlagTable()) {
    if (flag.standard.empty()) continue;
    Settings settings;
    const absl::Status status = flag.set(flag.standard, settings);
    EXPECT_TRUE(status.ok()) << flag.name << ": " << status;
    EXPECT_EQ(Dump(settings), untouched) << flag.name;
  }
}

TEST(FlagTable, SettersChangeSomethingOfTheirOwn) {
  std::map<std::string, std::string_view> dumps;
  const std::string untouched = Dump(Settings());
  for (const Flag& flag : FlagTable()) {
    ASSERT_TRUE(FlagExamples().contains(flag.name)) << flag.name;
    const std::string_view example = FlagExamples().at(flag.name);
    if (example.empty()) continue;
    Settings settings;
    const absl::Status status = flag.set(example, settings);
    EXPECT_TRUE(status.ok()) << flag.name << ": " << status;
    const std::string dump = Dump(settings);
    EXPECT_NE(dump, untouched) << flag.name;
    const auto [other, fresh] = dumps.emplace(dump, flag.name);
    EXPECT_TRUE(fresh) << flag.name << " does the same as " << other->second;
  }
  EXPECT_EQ(FlagExamples().size(), FlagTable().size());
}

TEST(FlagTable, RefusedValuesChangeNothing) {
  const std::string untouched = Dump(Settings());
  for (const Flag& flag : FlagTable()) {
    Settings settings;
    EXPECT_FALSE(flag.set("/no/such: 'thing[", settings).ok()) << flag.name;
    EXPECT_EQ(Dump(settings), untouched) << flag.name;
  }
}

// Where 0 means nothing it is refused: what is done again and again would be
// done without a pause, and what must come within a time could not.
TEST(FlagTable, EveryDurationKnowsWhatZeroIs) {
  const std::map<std::string_view, bool> takes_zero = {
      {"watch-scan", true},            // never
      {"reload-delay", false},         // a busy loop
      {"watch-settle", true},          // the least that there is
      {"reload-timeout", false},       // nothing is done in no time
      {"reload-retry-delay", false},   // a busy loop
      {"restart-delay", true},         // at once, up to --start-limit-burst
      {"restart-delay-max", true},     // the same
      {"restart-reset", true},         // as soon as it is ready
      {"start-limit-interval", true},  // no limit
      {"health-interval", false},      // a busy loop
      {"health-timeout", false},       // nothing answers in no time
      {"health-start-period", true},   // none
      {"ready-timeout", false},        // nothing is ready in no time
      {"watchdog", false},             // nor says anything
      {"max-age", false},              // a busy loop
      {"stop-timeout", true},          // KILL at once
      {"shutdown-timeout", true},      // the same
      {"drain-delay", true},           // none
      {"leftover-timeout", true},      // KILL at once
      {"restart-monitor", true},       // none
  };
  size_t durations = 0;
  for (const Flag& flag : FlagTable()) {
    if (flag.placeholder != "D") continue;
    ++durations;
    ASSERT_TRUE(takes_zero.contains(flag.name)) << flag.name;
    for (const std::string_view zero : {"0", "0ms", "0s", "0.5ms"}) {
      Settings settings;
      EXPECT_EQ(flag.set(zero, settings).ok(), takes_zero.at(flag.name))
          << flag.name << "=" << zero;
    }
    Settings settings;
    EXPECT_TRUE(flag.set("1ms", settings).ok()) << flag.name;
  }
  EXPECT_EQ(takes_zero.size(), durations);
}

TEST(FlagTable, PresetsAreGoodValuesOfKnownFlags) {
  for (const FlagPreset& preset : DevPreset()) {
    const Flag* const flag = FindFlag(preset.flag);
    ASSERT_NE(flag, nullptr) << preset.flag;
    Settings settings;
    EXPECT_TRUE(flag->set(preset.value, settings).ok()) << preset.flag;
    // What help says about --dev.
    EXPECT_TRUE(
        absl::StrContains(FindFlag("dev")->help,
                          absl::StrCat("--", preset.flag, "=", preset.value)));
  }
}

TEST(FlagTable, FindsWithUnderscoresToo) {
  EXPECT_EQ(FindFlag("stop_timeout"), FindFlag("stop-timeout"));
  EXPECT_EQ(FindFlag("stop-time"), nullptr);
  EXPECT_EQ(FindFlag(""), nullptr);
  EXPECT_EQ(FindFlag("Watch"), nullptr);
}

TEST(FlagVariables, AreThoseOfTheTable) {
  EXPECT_EQ(FlagVariable(*FindFlag("stop-timeout")), "REINIT_STOP_TIMEOUT");
  EXPECT_TRUE(IsFlagVariable("REINIT_STOP_TIMEOUT"));
  EXPECT_TRUE(IsFlagVariable("REINIT_DEV"));
  for (const std::string_view other :
       {"REINIT_PORT", "REINIT_INSTANCE", "REINIT_GENERATION", "REINIT_REASON",
        "REINIT_CHANGED", "REINIT_WORKER", "REINIT_", "", "STOP_TIMEOUT",
        "reinit_dev", "REINIT_DEV=1", "REINIT_WATCH_SERVICE_HOST",
        "REINIT_STOP-TIMEOUT", "XREINIT_DEV"}) {
    EXPECT_FALSE(IsFlagVariable(other)) << other;
  }
}

// An image may well have `ENV REINIT_VERSION=0.1.0`.
TEST(FlagVariables, NoneTurnsReinitIntoPrinting) {
  for (const std::string_view name : {"version", "help", "check"}) {
    EXPECT_EQ(FlagVariable(*FindFlag(name)), "");
    EXPECT_FALSE(
        IsFlagVariable(absl::StrCat("REINIT_", absl::AsciiStrToUpper(name))));
  }
}

TEST(NearestFlag, GuessesTypingErrors) {
  const std::map<std::string_view, std::string_view> guesses = {
      {"wacth", "--watch"},
      {"Watch", "--watch"},
      {"WATCH", "--watch"},
      {"watchs", "--watch"},
      {"watch-extension", "--watch-ext"},
      {"stop_timout", "--stop-timeout"},
      {"stoptimeout", "--stop-timeout"},
      {"start-limit", "--start-limit-burst"},
      {"health-timeot", "--health-timeout"},
      {"healt", "--health"},
      {"no-claer", "--no-clear"},
      {"chek", "--check"},
      {"loglevel", "--log-level"},
      {"relod-delay", "--reload-delay"},
      {"h", "--help"},
      {"V", "--version"},
  };
  for (const auto& [given, nearest] : guesses)
    EXPECT_EQ(NearestFlag(given), nearest) << given;
}

TEST(NearestFlag, DoesNotGuessWildly) {
  const std::string junk(100'000, 'x');
  for (const std::string_view given :
       {std::string_view(""), std::string_view("x"), std::string_view("qqqqqq"),
        std::string_view("max-colour"), std::string_view("no-friends"),
        std::string_view(junk)}) {
    EXPECT_EQ(NearestFlag(given), "") << given.substr(0, 20);
  }
}

}  // namespace
}  // namespace reinit
