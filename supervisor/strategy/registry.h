// All strategies there are.
#ifndef REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_
#define REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Those that `options` switches on, in the order in which they are asked:
// reloads first, since they use no restart budget. None for a plain init.
// `options` is borrowed; `environment` is what commands of ours run
// with; `sockets`, borrowed as well, are those of kAccept; `random` gives
// numbers in [0, 1).
std::vector<std::unique_ptr<Strategy>> MakeStrategies(
    const Context& context, const Options* options,
    const std::vector<std::string>& environment,
    const std::function<double()>& random,
    const ListenSockets* sockets = nullptr);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_REGISTRY_H_
