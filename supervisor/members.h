// Whose processes are whose.
#ifndef REINIT_SUPERVISOR_MEMBERS_H_
#define REINIT_SUPERVISOR_MEMBERS_H_

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "supervisor/context.h"

namespace reinit {

// The live processes of an instance whose main process is `main`, itself
// included: its descendants, and those of orphans that stand in the group or
// session `group`, or were started with `mark`. Without /proc only `main`.
std::vector<pid_t> MembersOf(const Context& context, pid_t main, pid_t group,
                             std::string_view mark);

// Whether `pid` is one of those, or was and waits to be reaped: whoever says
// something and ends at once is a zombie by the time that it is heard. Of an
// orphan that has ended only its group and session are known. Whom its parent
// has reaped already nobody can tell.
bool IsMember(const Context& context, pid_t pid, pid_t main, pid_t group,
              std::string_view mark);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_MEMBERS_H_
