// Restarts a process that ended by itself.
#ifndef REINIT_SUPERVISOR_STRATEGY_EXIT_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_EXIT_STRATEGY_H_

#include <memory>

#include "supervisor/options.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Whether a process that ended with `status`, without having been told to, is
// to be restarted. Being killed by any signal is a failure then: a death by
// TERM is clean only if we sent it.
// What `success` holds counts as exit code 0 does. on-abnormal leaves out the
// failures that the process reports itself, by its exit code. The lists come
// before the policy, and `prevent` before `force`, as in systemd.
bool RestartsAfter(const RestartOptions& options, const ExitStatus& status,
                   const ExitCodes& success);

// `options` is borrowed for the life of the strategy.
std::unique_ptr<Strategy> MakeExitStrategy(const Options* options);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_EXIT_STRATEGY_H_
