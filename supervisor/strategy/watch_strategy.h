// Reloads a process when the files that it was made of change.
#ifndef REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_

#include <memory>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// The watch helper looks, compares and waits for quiet; this keeps what it
// reports until it is asked, so that any number of changes while it is not is
// one reload afterwards. `options` is borrowed for the life of the strategy.
std::unique_ptr<Strategy> MakeWatchStrategy(const Context& context,
                                            const WatchOptions* options,
                                            absl::Duration reload_delay);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_
