// Lists the children of processes, as the kernel keeps them.
#ifndef REINIT_REAPER_SELF_CHILDREN_H_
#define REINIT_REAPER_SELF_CHILDREN_H_

#include <sys/types.h>

#include <optional>
#include <vector>

namespace reinit {

// The children of this thread, ended ones that are not reaped included. Exact
// for a process of one thread, as only that thread takes children off the list.
// Nothing if the kernel does not tell (CONFIG_PROC_CHILDREN, no /proc).
std::optional<std::vector<pid_t>> OwnChildren();

// The children of all threads of another process; none if it has ended. May
// miss children while others end.
std::vector<pid_t> ChildrenOf(pid_t pid);

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_CHILDREN_H_
