// Decides when the process is ready, as --ready says.
#ifndef REINIT_SUPERVISOR_STRATEGY_READY_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_READY_STRATEGY_H_

#include <memory>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// A process that is not ready in time has failed. `options` is borrowed for the
// life of the strategy. `check` is for ReadyOptions::Kind::kCheck and
// kAccept, else null: a strategy that is Ready once that has passed; it is not
// asked to go on after that.
std::unique_ptr<Strategy> MakeReadyStrategy(const Context& context,
                                            const ReadyOptions* options,
                                            std::unique_ptr<Strategy> check);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_READY_STRATEGY_H_
