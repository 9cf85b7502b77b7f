// Builds the parts in the order in which they depend on each other, and runs.
#ifndef REINIT_CMD_RUN_H_
#define REINIT_CMD_RUN_H_

#include <string>
#include <vector>

#include "reaper/log.h"
#include "reaper/self/signal_mask.h"
#include "supervisor/observer.h"
#include "supervisor/options.h"

namespace reinit {

// The command line was wrong, if only for this machine; nothing was started.
inline constexpr int kExitUsage = 2;

// Supervises options.command until it, or reinit, has ended. `environment` is
// what it gets. Returns the exit status of reinit; that of a plain init may end
// the process at once instead.
int RunSupervisor(const Options& options, std::vector<std::string> environment,
                  const SignalState& inherited, Log* log, Observer* observer);

// Reaps until TERM or INT, without a process of its own. Returns 0.
int RunPause(Log* log);

}  // namespace reinit

#endif  // REINIT_CMD_RUN_H_
