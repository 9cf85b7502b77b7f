// Copies this binary for another container, for `reinit self-install DIR`: both
// share DIR. An initContainer from a scratch image has no cp.
#ifndef REINIT_CMD_SELF_INSTALL_H_
#define REINIT_CMD_SELF_INSTALL_H_

#include <string>

#include "absl/status/status.h"

namespace reinit {

// Copies the running binary to `directory`/reinit, mode 0755 whatever the umask
// is: all of it or nothing, by a rename, so that one that is there and runs
// goes on. The directory must be there: made here, it would be no volume. The
// error names what failed. Before the loop runs; blocks.
absl::Status SelfInstall(const std::string& directory);

}  // namespace reinit

#endif  // REINIT_CMD_SELF_INSTALL_H_
