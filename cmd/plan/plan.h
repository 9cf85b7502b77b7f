// Writes what --check prints: the options in plain words.
#ifndef REINIT_CMD_PLAN_PLAN_H_
#define REINIT_CMD_PLAN_PLAN_H_

#include <string>
#include <vector>

#include "supervisor/options.h"

namespace reinit {

// Several lines, each ending with a newline.
std::string PlanText(const Options& options,
                     const std::vector<std::string>& warnings);

}  // namespace reinit

#endif  // REINIT_CMD_PLAN_PLAN_H_
