// Runs `reinit ctl`: asks a running reinit.
#ifndef REINIT_CMD_CTL_H_
#define REINIT_CMD_CTL_H_

#include <string>

#include "cmd/ctl_line.h"

namespace reinit {

struct CtlResult {
  int exit_code = 0;
  std::string to_stdout;
  std::string error;  // a line for the log; empty: none
};

// Blocks until there is an answer. Exit codes: 0 done, 1 refused, failed, not
// in time, or nobody there.
CtlResult RunCtl(const CtlRequest& request);

}  // namespace reinit

#endif  // REINIT_CMD_CTL_H_
