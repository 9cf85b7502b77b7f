// Makes the strategies that the options switch on.
#ifndef REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_
#define REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// The names, as the start message has them, of the strategies that `options`
// switches on, in the order in which they are asked: reloads first, since they
// use no restart budget. None for a plain init.
std::vector<std::string_view> StrategiesOf(const Options& options);

// Makes those strategies. `options` is borrowed, and so is `sockets`, the held
// ones that --ready=accept and --health=stall: are about. `environment` is that
// of the commands that reinit runs. `random` gives numbers in [0, 1).
std::vector<std::unique_ptr<Strategy>> MakeStrategies(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment,
    const std::function<double()>& random,
    const ListenSockets* sockets = nullptr);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_
