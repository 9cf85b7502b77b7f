// Restarts a process whose health checks fail.
#ifndef REINIT_SUPERVISOR_STRATEGY_HEALTH_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_HEALTH_STRATEGY_H_

#include <memory>
#include <string>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Network checks run in the probe helper, exec checks as jobs with
// `environment`, stall: on `sockets` (null: there are none); the schedule and
// the verdict are HealthState's. Until every check has succeeded once, the
// instance is not ready. `options` and `sockets` are borrowed for the life of
// the strategy.
std::unique_ptr<Strategy> MakeHealthStrategy(
    const Context& context, const HealthOptions* options,
    std::vector<std::string> environment, const ListenSockets* sockets);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_HEALTH_STRATEGY_H_
