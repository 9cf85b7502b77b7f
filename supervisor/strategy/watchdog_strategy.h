// Restarts a process that stops saying that it is alive.
#ifndef REINIT_SUPERVISOR_STRATEGY_WATCHDOG_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_WATCHDOG_STRATEGY_H_

#include <memory>

#include "supervisor/context.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// From when it is ready the process must say WATCHDOG=1 at least every
// `interval`, which it is told as WATCHDOG_USEC and may change by a message of
// that name; WATCHDOG=trigger means that it gives itself up.
std::unique_ptr<Strategy> MakeWatchdogStrategy(const Context& context,
                                               absl::Duration interval);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_WATCHDOG_STRATEGY_H_
