// Adds the REINIT_ variables of a supervised process to an environment.
#ifndef REINIT_SUPERVISOR_RUN_CHILD_ENVIRONMENT_H_
#define REINIT_SUPERVISOR_RUN_CHILD_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "supervisor/reason.h"

namespace reinit {

// `base` with `mark`, REINIT_GENERATION, REINIT_REASON and, when a file is
// known, REINIT_CHANGED; these texts are cut to kMaxVariable bytes. With
// REINIT_CHANGED_FILES and REINIT_CHANGED_COUNT where these are known. `reason`
// is null at the first start. Entries of `base` with these names are replaced.
std::vector<std::string> ChildEnvironment(const std::vector<std::string>& base,
                                          const std::string& mark,
                                          int generation, const Reason* reason);

inline constexpr size_t kMaxVariable = 1024;

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_CHILD_ENVIRONMENT_H_
