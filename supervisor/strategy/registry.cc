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

// A health strategy with options of its own.
class OwningHealth : public Strategy {
 public:
  OwningHealth(const Context& context, HealthOptions options,
               const std::vector<std::string>& environment)
      : options_(std::move(options)),
        health_(MakeHealthStrategy(context, &options_, environment,
                                   /*sockets=*/nullptr)) {}
  std::string_view name() const override { return health_->name(); }
  void Start(WakeFn wake) override { health_->Start(std::move(wake)); }
  std::optional<Reason> ShouldRestart(const View& view) override {
    return health_->ShouldRestart(view);
  }
  void OnInstance(const View& view) override { health_->OnInstance(view); }
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
    return MakeAcceptStrategy(context, options->restart.order, sockets);
  }
  if (options->ready.kind != ReadyOptions::Kind::kCheck) return nullptr;
  HealthOptions health = options->health;
  health.checks = options->ready.check;
  health.start_period = absl::InfiniteDuration();
  return std::make_unique<OwningHealth>(context, std::move(health),
                                        environment);
}

}  // namespace

std::vector<std::unique_ptr<Strategy>> MakeStrategies(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment,
    const std::function<double()>& random, const ListenSockets* sockets) {
  std::vector<std::unique_ptr<Strategy>> strategies;
  if (!options->watch.paths.empty()) {
    strategies.push_back(
        MakeWatchStrategy(context, &options->watch, options->reload_delay));
  }
  if (!options->health.checks.empty()) {
    strategies.push_back(
        MakeHealthStrategy(context, &options->health, environment, sockets));
  }
  if (options->RestartsAfterExit()) {
    strategies.push_back(MakeExitStrategy(options));
  }
  if (options->ready.kind != ReadyOptions::Kind::kDefault) {
    strategies.push_back(MakeReadyStrategy(
        context, &options->ready,
        MakeReadyCheck(context, options, environment, sockets)));
  }
  const LimitOptions& limits = options->limits;
  if (limits.watchdog != absl::InfiniteDuration()) {
    strategies.push_back(MakeWatchdogStrategy(context, limits.watchdog));
  }
  if (limits.memory != 0) {
    strategies.push_back(MakeMemoryStrategy(context, limits.memory));
  }
  if (limits.age != absl::InfiniteDuration()) {
    strategies.push_back(MakeAgeStrategy(context, limits.age, random));
  }
  return strategies;
}

}  // namespace reinit
