// Writes the plan's part about the process itself.
#ifndef REINIT_CMD_PLAN_PLAN_COMMAND_H_
#define REINIT_CMD_PLAN_PLAN_COMMAND_H_

#include <string>

#include "supervisor/options.h"

namespace reinit {

// When it is ready and healthy, what follows its end, and how it is stopped.
void AppendCommand(const Options& options, std::string& out);

// The signals that mean shutdown (SignalRoute), as "TERM, INT, QUIT, WINCH".
std::string EndingSignals(const Options& options);

}  // namespace reinit

#endif  // REINIT_CMD_PLAN_PLAN_COMMAND_H_
