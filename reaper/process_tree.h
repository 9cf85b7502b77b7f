// Finds the processes that belong together.
#ifndef REINIT_REAPER_PROCESS_TREE_H_
#define REINIT_REAPER_PROCESS_TREE_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "reaper/os.h"

namespace reinit {

// Pure functions over one look at /proc (Os::Processes). Zombies are never in
// a result: they need reaping, not signals.

// The live descendants of the processes for which `is_root` holds, those
// included. `skip` and everything below it are left out, down to the next root:
// init itself may be skipped while its children are roots.
std::vector<pid_t> Descendants(
    absl::Span<const ProcessInfo> processes,
    absl::FunctionRef<bool(const ProcessInfo&)> is_root,
    absl::FunctionRef<bool(const ProcessInfo&)> skip);

// A live process that leaves ended children unreaped. Nobody else can reap
// them, PID 1 neither, while it lives.
struct NeglectfulParent {
  pid_t pid = 0;
  std::string name;
  std::vector<pid_t> zombies;  // ascending
  std::string zombie_name;     // of the first
};

// All of them but `self`, by pid; where that is not PID 1, and others'
// processes may be seen, only those below it. A zombie that is just about to be
// waited for is among them: whoever wants to be sure looks twice.
std::vector<NeglectfulParent> FindNeglectfulParents(
    absl::Span<const ProcessInfo> processes, pid_t self);

}  // namespace reinit

#endif  // REINIT_REAPER_PROCESS_TREE_H_
