// Who is meant by --target-process and its like.
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
// its own business. Never among them: `self` with its descendants, zombies,
// threads of the kernel, and what keeps a pod's namespaces (/pause).
// `command_line` is asked for few: in state D reading it could hang.
std::vector<ProcessInfo> FindTargets(
    absl::Span<const ProcessInfo> processes, pid_t self, const TargetRule& rule,
    absl::FunctionRef<std::string(pid_t)> command_line);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_FIND_TARGETS_H_
