// `reinit --check`: finds all that a start would find wrong, and starts
// nothing.
#ifndef REINIT_CMD_CHECK_H_
#define REINIT_CMD_CHECK_H_

#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "reaper/log.h"

namespace reinit {

// `line` has no errors. Binds and opens what a start would, and lets go of it
// again; then looks for the command as the user and in the folder that it would
// have. `environment` is what the command gets. Returns the exit status of the
// start, having logged what the start would log, or 0, with the plan in `out`.
// Where a file system does not answer, the plan is all.
// Afterwards this process can only exit: it has become the command's user.
int RunCheck(const CommandLine& line, std::vector<std::string> environment,
             Log* log, std::string* out);

}  // namespace reinit

#endif  // REINIT_CMD_CHECK_H_
