#include "supervisor/members.h"

#include <algorithm>

#include "reaper/process_tree.h"

namespace reinit {
namespace {

std::vector<pid_t> MembersAmong(const std::vector<ProcessInfo>& processes,
                                const Context& context, pid_t main, pid_t group,
                                std::string_view mark) {
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

}  // namespace

std::vector<pid_t> MembersOf(const Context& context, pid_t main, pid_t group,
                             std::string_view mark) {
  const std::vector<ProcessInfo> processes = context.os->Processes();
  if (processes.empty()) return {main};
  return MembersAmong(processes, context, main, group, mark);
}

bool IsMember(const Context& context, pid_t pid, pid_t main, pid_t group,
              std::string_view mark) {
  if (pid == main) return true;
  const std::vector<ProcessInfo> processes = context.os->Processes();
  const auto found =
      std::find_if(processes.begin(), processes.end(),
                   [pid](const ProcessInfo& p) { return p.pid == pid; });
  if (found == processes.end()) return false;
  if (found->state == 'Z') {
    // A parent that has ended has no children any more: this one is alive.
    pid = found->parent;
    if (pid == main) return true;
    if (pid == context.os->Self()) {
      return found->group == group || found->session == group;
    }
  }
  const std::vector<pid_t> members =
      MembersAmong(processes, context, main, group, mark);
  return std::find(members.begin(), members.end(), pid) != members.end();
}

}  // namespace reinit
