// Picks the processes that the --target flags name.
#ifndef REINIT_SUPERVISOR_ACTION_FIND_TARGETS_H_
#define REINIT_SUPERVISOR_ACTION_FIND_TARGETS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "reaper/os.h"

namespace reinit {

// What is given (not empty, not 0) must all match.
struct TargetRule {
  std::string_view process = {};  // the kernel keeps 15 bytes of a name
  // fnmatch(3) over the whole of it: `*` is any text, `?` any byte. Brackets
  // are kept out by the command line, since programs show their own in them.
  std::string cmdline = {};
  pid_t pid = 0;
};

// Those that match and have no ancestor that does: the workers of a server are
// its own business. Never among them: `self`, the children for which `is_own`
// is true (helpers and jobs) with their descendants, zombies, threads of the
// kernel, and what keeps a pod's namespaces (/pause). Other children are
// processes like any other: `nginx; exec reinit ...` leaves its daemon to us.
// `command_line` is asked for few, and for none in state D: reading it would
// hang, most likely.
std::vector<ProcessInfo> FindTargets(
    absl::Span<const ProcessInfo> processes, pid_t self,
    absl::FunctionRef<bool(pid_t)> is_own, const TargetRule& rule,
    absl::FunctionRef<std::string(const ProcessInfo&)> command_line);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_FIND_TARGETS_H_
