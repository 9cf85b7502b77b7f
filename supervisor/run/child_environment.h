// What a supervised process is told through its environment.
#ifndef REINIT_SUPERVISOR_CHILD_ENVIRONMENT_H_
#define REINIT_SUPERVISOR_CHILD_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "supervisor/strategy/strategy.h"

namespace reinit {

// A new REINIT_INSTANCE=<random> entry. It tells the processes of one start
// from those of others; it is no secret.
std::string NewInstanceMark();

// 16 random hexadecimal digits.
std::string RandomName();

// `base` with `mark`, REINIT_GENERATION, REINIT_REASON and, when a file is
// known, REINIT_CHANGED; the texts are cut to kMaxVariable bytes. `reason` is
// null at the first start. Entries of `base` with these names are replaced.
std::vector<std::string> ChildEnvironment(const std::vector<std::string>& base,
                                          const std::string& mark,
                                          int generation, const Reason* reason);

inline constexpr size_t kMaxVariable = 1024;

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHILD_ENVIRONMENT_H_
