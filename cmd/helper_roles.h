// Runs this process as a helper, if its arguments say so.
#ifndef REINIT_CMD_HELPER_ROLES_H_
#define REINIT_CMD_HELPER_ROLES_H_

#include <optional>
#include <string_view>
#include <vector>

namespace reinit {

// If `argv` is that of a helper (see kHelperPrefix), runs it to its end and
// returns its exit status; nothing if it is a user's command line.
std::optional<int> RunAsHelper(const std::vector<std::string_view>& argv);

}  // namespace reinit

#endif  // REINIT_CMD_HELPER_ROLES_H_
