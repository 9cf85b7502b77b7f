// Restarts a process that has run long enough.
#ifndef REINIT_SUPERVISOR_STRATEGY_AGE_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_AGE_STRATEGY_H_

#include <functional>
#include <memory>

#include "supervisor/context.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// `random` (a number in [0, 1)) spreads the moment by up to a tenth of `age`
// either way, so that the replicas of one service are not all replaced at once.
absl::Duration SpreadAge(absl::Duration age, double random);

std::unique_ptr<Strategy> MakeAgeStrategy(const Context& context,
                                          absl::Duration age,
                                          std::function<double()> random);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_AGE_STRATEGY_H_
