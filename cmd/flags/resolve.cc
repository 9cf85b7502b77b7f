#include "cmd/flags/resolve.h"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/given.h"
#include "cmd/flags/look_in_time.h"
#include "cmd/flags/settings.h"
#include "cmd/flags/workers_values.h"
#include "reaper/log.h"
#include "reaper/value/signals.h"
#include "supervisor/options.h"
#include "supervisor/value/duration_text.h"

namespace reinit {
namespace {

// Whether all that the check does is to connect to that socket.
bool ConnectsTo(const ProbeTarget& check, const ListenSpec& spec) {
  if (!check.scheme().only_connects) return false;
  if (!check.socket.empty()) {
    return spec.kind == ListenSpec::Kind::kUnix && spec.path == check.socket;
  }
  if (spec.kind != ListenSpec::Kind::kTcp || spec.port != check.port) {
    return false;
  }
  const bool every_address = spec.host == "0.0.0.0" || spec.host == "::";
  const bool loopback = check.host == "127.0.0.1" || check.host == "::1" ||
                        check.host == "localhost";
  return check.host == spec.host || (every_address && loopback);
}

}  // namespace

SettingsResolver::SettingsResolver(std::vector<GivenFlag> command_line,
                                   std::vector<GivenFlag> environment)
    : given_(std::move(command_line)) {
  const std::vector<GivenFlag> stronger = given_;
  for (GivenFlag& variable : environment) {
    const bool overridden = std::any_of(
        stronger.begin(), stronger.end(),
        [&](const GivenFlag& flag) { return flag.flag == variable.flag; });
    if (!overridden) given_.push_back(std::move(variable));
  }
}

void SettingsResolver::KeepProbeFlags() {
  for (const GivenFlag& given : given_) {
    if (given.flag->Has(kForProbe) || given.source != FlagSource::kCommandLine)
      continue;
    errors_.push_back(absl::StrCat(
        given.text,
        ": not a flag of `reinit probe`, which takes "
        "--health-timeout and --health-expect; for a program called probe "
        "write `-- probe`"));
  }
  given_.erase(std::remove_if(given_.begin(), given_.end(),
                              [](const GivenFlag& given) {
                                return !given.flag->Has(kForProbe);
                              }),
               given_.end());
}

void SettingsResolver::Apply(bool on_terminal) {
  for (const GivenFlag& given : given_) Set(given);
  if (settings_.dev) ApplyPreset(on_terminal);
}

// --dev --watch=.env means that file too; --watch=src means that folder alone.
bool SettingsResolver::WatchesFilesAlone() const {
  const std::vector<std::string>& paths = settings_.options.watch.paths;
  return std::all_of(paths.begin(), paths.end(), [](const std::string& path) {
    return LookInTime([&path] {
             struct stat st;
             const bool file =
                 ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
             return file ? absl::OkStatus() : absl::NotFoundError("no file");
           })
        .ok();
  });
}

void SettingsResolver::ApplyPreset(bool on_terminal) {
  for (const FlagPreset& preset : DevPreset()) {
    const bool adds = preset.flag == "watch" && WatchesFilesAlone();
    if (Find(preset.flag) != nullptr && !adds) continue;
    given_.push_back({FindFlag(preset.flag), std::string(preset.value),
                      FlagSource::kPreset,
                      absl::StrCat("--", preset.flag, "=", preset.value)});
    Set(given_.back());
  }
  if (on_terminal && Find("clear") == nullptr) settings_.options.clear = true;
}

void SettingsResolver::Set(const GivenFlag& given) {
  const absl::Status status = given.flag->set(given.value, settings_);
  if (status.ok()) return;
  if (IsUnseen(status)) {
    unanswered_ = true;
    warnings_.push_back(absl::StrCat(given.text, ": ", status.message(),
                                     "; going on with it all the same"));
    return;
  }
  errors_.push_back(
      absl::StrCat(given.text, ": ", EscapeForLog(status.message())));
}

const GivenFlag* SettingsResolver::Find(std::string_view name) const {
  const auto found = std::find_if(
      given_.rbegin(), given_.rend(),
      [name](const GivenFlag& given) { return given.flag->name == name; });
  return found == given_.rend() ? nullptr : &*found;
}

Resolved SettingsResolver::Take() {
  return {.settings = std::move(settings_),
          .errors = std::move(errors_),
          .warnings = std::move(warnings_),
          .unanswered = unanswered_};
}

bool SettingsResolver::Contradict(const GivenFlag* one,
                                  const GivenFlag* other) const {
  return one != nullptr && other != nullptr && one->source == other->source;
}

void SettingsResolver::FinishRun(bool sidecar, CpuCount (*count_cpus)()) {
  ResolveWorkers(sidecar, count_cpus);
  JudgeChangeSignals();
  if (sidecar) {
    JudgeSidecar();
    WarnOfIdleFlags();
    return;
  }
  RefuseTargets();
  ResolveRestartBurst();
  ResolveRestartDelays();
  ResolveAfterExit();
  ResolveListen();
  WarnOfHeldChecks();
  WarnOfOverlap();
  WarnOfIdleFlags();
  // A plain init has nothing to tell but what goes wrong.
  Options& options = settings_.options;
  if (Find("log-level") == nullptr && !options.Supervising())
    options.log_level = LogLevel::kWarning;
}

// A variable is ignored in a sidecar; a flag is an error there.
void SettingsResolver::ResolveWorkers(bool sidecar, CpuCount (*count_cpus)()) {
  WorkersOptions& workers = settings_.options.workers;
  if (sidecar) {
    workers = {};
    settings_.workers_auto = false;
  }
  const GivenFlag* const given = sidecar ? nullptr : Find("workers");
  workers.given = given != nullptr;
  if (settings_.workers_auto) {
    CpuCount cpus = count_cpus();
    workers.count = cpus.count;
    workers.count_reason = std::move(cpus.reason);
    if (!cpus.warning.empty()) {
      warnings_.push_back(
          absl::StrCat(given->text, ": ", EscapeForLog(cpus.warning)));
    }
  }
  if (!sidecar) {
    ResolveWorkersReady();
    ResolveRestartPolicy();
    JudgeScaleSignals();
    JudgeWorkerActions();
  }
  const size_t before = warnings_.size();
  for (std::string& error : CheckWorkerTexts(&settings_.options, &warnings_)) {
    errors_.push_back(std::move(error));
  }
  unanswered_ = unanswered_ || warnings_.size() > before;
}

// How many there are may be known on the machine alone, or come from somebody
// else than the image: then all of them is what can be asked for.
void SettingsResolver::ResolveWorkersReady() {
  WorkersOptions& workers = settings_.options.workers;
  if (workers.ready <= workers.count) return;
  const GivenFlag* const count = Find("workers");
  const GivenFlag* const ready = Find("workers-ready");
  if (!settings_.workers_auto && Contradict(ready, count)) {
    errors_.push_back(absl::StrCat(ready->text, ": more than ", count->text,
                                   "; allowed is up to that"));
  }
  workers.ready = workers.count;
}

// As those know it who had pm2, gunicorn or Kubernetes look after workers: one
// that ends is replaced, whatever its status. On every machine alike, so for an
// `auto` of one as well.
void SettingsResolver::ResolveRestartPolicy() {
  Options& options = settings_.options;
  const bool several = options.workers.count > 1 || settings_.workers_auto;
  if (!several || Find("restart") != nullptr) return;
  // Then a worker that ends waits for a change, which somebody asked for.
  if (options.after_exit == AfterExit::kWait) return;
  options.restart.policy = RestartOptions::Policy::kAlways;
}

// Each worker would do what is to be done once.
void SettingsResolver::JudgeWorkerActions() {
  if (settings_.options.workers.count == 1) return;
  for (const ChangeAction& action : settings_.options.reload.on_change) {
    if (action.kind != ChangeAction::Kind::kExec &&
        action.kind != ChangeAction::Kind::kHttp) {
      continue;
    }
    errors_.push_back(absl::StrCat(
        "--on-change=", WithoutSecrets(action.text), ": contradicts ",
        Find("workers")->text,
        "; for a command that runs once before a roll use --reload-check"));
  }
}

void SettingsResolver::JudgeScaleSignals() {
  const Options& options = settings_.options;
  if (!options.workers.scale_signals || options.workers.count == 1) return;
  const auto judge = [this](std::string_view name, int signo) {
    if (signo != SIGTTIN && signo != SIGTTOU) return;
    errors_.push_back(absl::StrCat(
        Find(name)->text, ": contradicts ", Find("scale-signals")->text,
        ", by which this signal changes the number of workers"));
  };
  judge("reload-signal", options.reload.signal);
  judge("stop-signal", options.stop.signal);
}

void SettingsResolver::ResolveRestartBurst() {
  if (!settings_.restart_burst.has_value()) return;
  const GivenFlag* const restart = Find("restart");
  RestartOptions& options = settings_.options.restart;
  // Whether the N of on-failure:N has its say about the flag called `name`.
  const auto applies = [&](std::string_view name) {
    const GivenFlag* const other = Find(name);
    if (Contradict(restart, other)) {
      errors_.push_back(
          absl::StrCat(other->text, ": contradicts ", restart->text,
                       ", which is a start limit already; give one of them"));
    }
    return other == nullptr || other->source < restart->source;
  };
  if (applies("start-limit-burst"))
    options.limit_burst = *settings_.restart_burst;
  if (applies("start-limit-interval"))
    options.limit_interval = absl::InfiniteDuration();
}

void SettingsResolver::ResolveRestartDelays() {
  RestartOptions& options = settings_.options.restart;
  if (options.delay <= options.delay_max) return;
  const GivenFlag* const delay = Find("restart-delay");
  const GivenFlag* const max = Find("restart-delay-max");
  if (Contradict(delay, max)) {
    errors_.push_back(absl::StrCat(delay->text, ": more than ", max->text,
                                   "; allowed is up to that"));
  } else if (max == nullptr ||
             (delay != nullptr && max->source < delay->source)) {
    // One of the two is not what the user asked for here, so it gives way.
    options.delay_max = options.delay;
  } else {
    options.delay = options.delay_max;
  }
}

void SettingsResolver::ResolveAfterExit() {
  const Options& options = settings_.options;
  const GivenFlag* const after = Find("after-exit");
  if (options.after_exit != AfterExit::kWait || after == nullptr) return;
  if (options.restart.policy == RestartOptions::Policy::kAlways &&
      Contradict(after, Find("restart"))) {
    errors_.push_back(absl::StrCat(after->text, ": contradicts ",
                                   Find("restart")->text,
                                   ", after which nothing is left to wait for; "
                                   "give one of them"));
  }
  if (after->source == FlagSource::kCommandLine && Find("watch") == nullptr &&
      Find("reload-signal") == nullptr) {
    warnings_.push_back(absl::StrCat(
        after->text, ": without --watch nothing will start it again"));
  }
}

void SettingsResolver::ResolveListen() {
  Options& options = settings_.options;
  if (!options.listen.sockets.empty() &&
      options.ready.kind == ReadyOptions::Kind::kDefault) {
    options.ready.kind = ReadyOptions::Kind::kAccept;
  }
  for (std::string& conflict : ListenConflicts(options.listen)) {
    errors_.push_back(std::move(conflict));
  }
  if (const size_t count = options.listen.sockets.size();
      options.ReadyDescriptorTaken(count)) {
    errors_.push_back(absl::StrCat(
        Find("ready")->text,
        ": a socket of --listen has this number in the process; allowed is "
        "fd:",
        kFirstPassedSocket + static_cast<int>(count), " or more"));
  }
}

// To connect is all that these do, and to a socket that reinit holds that
// succeeds whatever the process does.
void SettingsResolver::WarnOfHeldChecks() {
  const Options& options = settings_.options;
  const auto warn = [&](std::string_view flag, std::string_view instead,
                        const std::vector<ProbeTarget>& checks) {
    for (const ProbeTarget& check : checks) {
      const bool held = std::any_of(
          options.listen.sockets.begin(), options.listen.sockets.end(),
          [&](const ListenSpec& spec) { return ConnectsTo(check, spec); });
      if (!held) continue;
      warnings_.push_back(absl::StrCat(
          flag, check.text,
          ": reinit itself holds this socket by --listen, so connecting always "
          "succeeds; use ",
          instead));
    }
  };
  warn("--health=", "http://, grpc:// or stall:", options.health.checks);
  warn("--ready=", "accept", options.ready.check);
}

// Workers of a queue overlap well; two of the same port do not.
void SettingsResolver::WarnOfOverlap() {
  const Options& options = settings_.options;
  const GivenFlag* const order = Find("restart-order");
  if (options.restart.order != RestartOptions::Order::kStartFirst ||
      order->source != FlagSource::kCommandLine ||
      !options.listen.sockets.empty()) {
    return;
  }
  warnings_.push_back(absl::StrCat(
      order->text,
      ": without --listen the new process cannot have a port that the old one "
      "still has; good for workers that have none"));
}

void SettingsResolver::WarnOfIdleFlags() {
  // After a reload the pause is also that of a start that did not succeed.
  const bool restarts = settings_.options.RestartsAfterExit() ||
                        Find("health") != nullptr || Find("watch") != nullptr ||
                        Find("ready") != nullptr || Find("listen") != nullptr ||
                        Find("reload-signal") != nullptr ||
                        settings_.options.Limited();
  const bool supervises = settings_.options.Supervising();
  const bool reloads = Find("reload-signal") != nullptr ||
                       (supervises && settings_.options.control != kControlOff);
  const auto& actions = settings_.options.reload.on_change;
  const bool asks_by_http = std::any_of(
      actions.begin(), actions.end(), [](const ChangeAction& action) {
        return action.kind == ChangeAction::Kind::kHttp;
      });
  for (const GivenFlag& given : given_) {
    // A variable is there for whatever is started in the container.
    if (given.source != FlagSource::kCommandLine) continue;
    std::string_view missing;
    if (given.flag->Has(kNeedsWatch) && Find("watch") == nullptr &&
        !(given.flag->Has(kReloads) && reloads))
      missing = given.flag->Has(kReloads) ? "--watch, --dev or --reload-signal"
                                          : "--watch or --dev";
    if (given.flag->Has(kNeedsReady) && Find("ready") == nullptr &&
        Find("listen") == nullptr)
      missing = "--ready or --listen";
    if (given.flag->Has(kNeedsListen) && Find("listen") == nullptr)
      missing = "--listen";
    // One that supervises may have inherited some.
    if (given.flag->name == "listen-env" && !supervises) missing = "--listen";
    if (given.flag->Has(kNeedsWorkers) && !settings_.workers_auto &&
        settings_.options.workers.count == 1)
      missing = "--workers=2 or more, or auto";
    if (given.flag->Has(kNeedsHealth) && Find("health") == nullptr)
      missing = "--health";
    if (given.flag->Has(kNeedsRestart) && !restarts)
      missing = "--restart, --health or --watch";
    if (absl::StartsWith(given.flag->name, "on-change-") && !asks_by_http)
      missing = "--on-change=http:...";
    if (missing.empty()) continue;
    warnings_.push_back(
        absl::StrCat(given.text, ": has no effect without ", missing));
  }
}

}  // namespace reinit
