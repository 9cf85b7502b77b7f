#include "supervisor/strategy/registry.h"

#include "supervisor/strategy/exit_strategy.h"
#include "supervisor/strategy/health_strategy.h"
#include "supervisor/strategy/watch_strategy.h"

namespace reinit {

std::vector<std::unique_ptr<Strategy>> MakeStrategies(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment) {
  std::vector<std::unique_ptr<Strategy>> strategies;
  if (!options->watch.paths.empty()) {
    strategies.push_back(
        MakeWatchStrategy(context, &options->watch, options->reload_delay));
  }
  if (!options->health.checks.empty()) {
    strategies.push_back(
        MakeHealthStrategy(context, &options->health, environment));
  }
  if (options->RestartsAfterExit()) {
    strategies.push_back(MakeExitStrategy(options));
  }
  return strategies;
}

}  // namespace reinit
