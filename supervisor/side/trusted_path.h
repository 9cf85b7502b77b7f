// Resolves paths in folders that others may write to.
#ifndef REINIT_SUPERVISOR_SIDE_TRUSTED_PATH_H_
#define REINIT_SUPERVISOR_SIDE_TRUSTED_PATH_H_

#include <string>

#include "reaper/unique_fd.h"

namespace reinit {

// Where a path leads to, found without following a link that another user made:
// reinit is root as a rule, and a link that the process planted would lead it
// to a file that only root may write. Links of root and of this user count,
// and those of /proc (for /dev/stderr).
struct TrustedPlace {
  int error = 0;         // errno; ELOOP: such a link. Else the rest counts.
  UniqueFd folder;       // O_PATH
  std::string name;      // in it; is not there, or no link
  bool of_proc = false;  // or is a link of /proc
};

// Blocks on a file system that hangs. With `follow_last` false the last name
// of `path` is taken as it is, also where it is a link.
TrustedPlace FindTrusted(const std::string& path, bool follow_last);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_TRUSTED_PATH_H_
