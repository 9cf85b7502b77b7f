// `reinit --check`: all that a start would find wrong, without one.
#ifndef REINIT_CMD_CHECK_H_
#define REINIT_CMD_CHECK_H_

#include <string>
#include <vector>

#include "cmd/command_line.h"
#include "reaper/log.h"

namespace reinit {

// `line` has no errors. Binds what a start would bind, and lets go of it again;
// looks for the command as the user and in the folder that it would have.
// `environment` is what the command gets. Returns what the start would exit
// with, having logged what it would log, or 0, with the plan in `out`. Where a
// file system does not answer, the plan is all.
// This process is not good for anything else afterwards: it has become the
// command's user.
int RunCheck(const CommandLine& line, std::vector<std::string> environment,
             Log* log, std::string* out);

}  // namespace reinit

#endif  // REINIT_CMD_CHECK_H_
