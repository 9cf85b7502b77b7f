#include "supervisor/strategy/registry.h"

#include <utility>

#include "supervisor/strategy/accept_strategy.h"
#include "supervisor/strategy/age_strategy.h"
#include "supervisor/strategy/exit_strategy.h"
#include "supervisor/strategy/health_strategy.h"
#include "supervisor/strategy/memory_strategy.h"
#include "supervisor/strategy/ready_strategy.h"
#include "supervisor/strategy/watch_strategy.h"
#include "supervisor/strategy/watchdog_strategy.h"

namespace reinit {
namespace {

// A health strategy that owns its options.
class OwningHealth : public Strategy {
 public:
  OwningHealth(const Context& context, HealthOptions options,
               const std::vector<std::string>& environment)
      : options_(std::move(options)),
        health_(MakeHealthStrategy(context, &options_, environment,
                                   /*sockets=*/nullptr)) {}
  std::string_view name() const override { return health_->name(); }
  void Start(WakeFn wake) override { health_->Start(std::move(wake)); }
  void Prepare(LaunchExtras* launch) override { health_->Prepare(launch); }
  std::optional<Reason> ShouldRestart(const InstanceView& view) override {
    return health_->ShouldRestart(view);
  }
  void OnInstance(const InstanceView& view) override {
    health_->OnInstance(view);
  }
  bool Ready() const override { return health_->Ready(); }
  std::string WhyNotReady() const override { return health_->WhyNotReady(); }
  void AddChecks(std::vector<CheckStatus>* to) const override {
    health_->AddChecks(to);
  }

 private:
  const HealthOptions options_;
  const std::unique_ptr<Strategy> health_;
};

// What --ready waits for, where that is more than a word of the process. A
// health check counts for nothing else and goes on until it passes.
std::unique_ptr<Strategy> MakeReadyCheck(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment, const ListenSockets* sockets) {
  if (options->ready.kind == ReadyOptions::Kind::kAccept &&
      sockets != nullptr) {
    return MakeAcceptStrategy(context, options->restart.order, sockets,
                              options->workers.self);
  }
  if (options->ready.kind != ReadyOptions::Kind::kCheck) return nullptr;
  HealthOptions health = options->health;
  health.checks = options->ready.check;
  health.start_period = absl::InfiniteDuration();
  return std::make_unique<OwningHealth>(context, std::move(health),
                                        environment);
}

// What strategies are made of; see MakeStrategies.
struct Parts {
  const Context& context;
  const Options* options;
  const std::vector<std::string>& environment;
  const std::function<double()>& random;
  const ListenSockets* sockets;
};

using Made = std::unique_ptr<Strategy>;
using O = const Options&;
using P = const Parts&;

// The process has been made of these, too, so a change of them counts.
std::vector<std::string> EnvironmentFiles(const Options& options) {
  if (options.Sidecar()) return {};
  return options.process.environment_files;
}

WatchStart StartOf(const Options& options) {
  return {options.Sidecar() &&
              options.reload.on_start == ReloadOptions::OnStart::kApply,
          options.reload.on_start_file};
}

// One strategy. A test compares `name` with what the strategy calls itself.
struct Row {
  std::string_view (*name)(const Options& options);
  bool (*wanted)(const Options& options);
  Made (*make)(const Parts& parts);
};

// In the order in which they are asked.
// clang-format off
constexpr Row kRows[] = {
    {[](O o) { return StrategyName(o.watch); },
     [](O o) { return !o.watch.paths.empty(); },
     [](P p) { return MakeWatchStrategy(p.context, &p.options->watch, p.options->reload_delay, EnvironmentFiles(*p.options), StartOf(*p.options)); }},
    {[](O) { return std::string_view("health"); },
     [](O o) { return !o.health.checks.empty(); },
     [](P p) { return MakeHealthStrategy(p.context, &p.options->health, p.environment, p.sockets); }},
    {[](O) { return std::string_view("exit"); },
     [](O o) { return o.RestartsAfterExit(); },
     [](P p) { return MakeExitStrategy(p.options); }},
    {[](O) { return std::string_view("readiness"); },
     [](O o) { return o.ready.kind != ReadyOptions::Kind::kDefault; },
     [](P p) { return MakeReadyStrategy(p.context, &p.options->ready, MakeReadyCheck(p.context, p.options, p.environment, p.sockets)); }},
    {[](O) { return std::string_view("watchdog"); },
     [](O o) { return o.limits.watchdog != absl::InfiniteDuration(); },
     [](P p) { return MakeWatchdogStrategy(p.context, p.options->limits.watchdog); }},
    {[](O) { return std::string_view("memory"); },
     [](O o) { return o.limits.memory != 0; },
     [](P p) { return MakeMemoryStrategy(p.context, p.options->limits.memory); }},
    {[](O) { return std::string_view("age"); },
     [](O o) { return o.limits.age != absl::InfiniteDuration(); },
     [](P p) { return MakeAgeStrategy(p.context, p.options->limits.age, p.random); }},
};
// clang-format on

}  // namespace

std::vector<std::string_view> StrategiesOf(const Options& options) {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (row.wanted(options)) names.push_back(row.name(options));
  }
  return names;
}

std::vector<std::unique_ptr<Strategy>> MakeStrategies(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment,
    const std::function<double()>& random, const ListenSockets* sockets) {
  const Parts parts = {context, options, environment, random, sockets};
  std::vector<std::unique_ptr<Strategy>> strategies;
  for (const Row& row : kRows) {
    if (row.wanted(*options)) strategies.push_back(row.make(parts));
  }
  return strategies;
}

}  // namespace reinit
