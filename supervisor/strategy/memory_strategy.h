// Restarts a process that has grown too large.
#ifndef REINIT_SUPERVISOR_STRATEGY_MEMORY_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_MEMORY_STRATEGY_H_

#include <cstdint>
#include <memory>

#include "supervisor/context.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Looks every 5 s at the resident memory of all processes of the instance; one
// look above `limit` bytes is enough.
std::unique_ptr<Strategy> MakeMemoryStrategy(const Context& context,
                                             int64_t limit);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_MEMORY_STRATEGY_H_
