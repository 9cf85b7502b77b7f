#include "supervisor/members.h"

#include "reaper/process_tree.h"

namespace reinit {

std::vector<pid_t> MembersOf(const Context& context, pid_t main, pid_t group,
                             std::string_view mark) {
  const std::vector<ProcessInfo> processes = context.os->Processes();
  if (processes.empty()) return {main};
  const pid_t self = context.os->Self();
  const auto is_root = [&](const ProcessInfo& process) {
    if (process.pid == main) return true;
    if (process.parent != self || process.state == 'Z') return false;
    // In state D reading the environment could hang.
    return process.group == group || process.session == group ||
           (process.state != 'D' &&
            context.os->StartedWith(process.pid, mark).value_or(false));
  };
  const auto is_other = [&](const ProcessInfo& process) {
    return process.pid == self ||
           (process.pid != main && context.children->Knows(process.pid));
  };
  return Descendants(processes, is_root, is_other);
}

}  // namespace reinit
