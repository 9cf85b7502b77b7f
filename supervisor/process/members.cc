#include "supervisor/process/members.h"

#include <utility>

#include "reaper/process_tree.h"

namespace reinit {
namespace {

// Of a tree that is deeper than this nobody needs the end.
constexpr int kMaxDepth = 1000;

// Upwards from a live process to one that decides; nothing if one of them
// ended meanwhile, so that its children have another parent now.
std::optional<bool> DescendsFrom(const Context& context, pid_t pid, pid_t main,
                                 pid_t group, std::string_view mark,
                                 std::vector<ProcessInfo>* unknown) {
  const pid_t self = context.os->Self();
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    if (pid == main) return true;
    if (pid <= 0 || pid == self || context.children->Knows(pid)) return false;
    const std::optional<ProcessInfo> process = context.os->ReadProcess(pid);
    if (!process.has_value() || process->state == 'Z') return std::nullopt;
    if (process->parent == self) {
      return IsOrphanOf(context, *process, group, mark, unknown);
    }
    pid = process->parent;
  }
  return false;
}

}  // namespace

std::optional<std::vector<ProcessInfo>> FamilyOf(const Context& context,
                                                 pid_t main) {
  if (const auto children = context.os->Children()) {
    std::vector<pid_t> roots;
    if (main > 0) roots.push_back(main);
    for (const pid_t pid : *children) {
      if (pid != main && !context.children->Knows(pid)) roots.push_back(pid);
    }
    return context.os->Below(roots);
  }
  std::vector<ProcessInfo> all = context.os->Processes();
  if (all.empty()) return std::nullopt;
  return all;
}

std::vector<pid_t> MembersOf(const Context& context, pid_t main, pid_t group,
                             std::string_view mark, std::vector<pid_t>* hiding,
                             std::vector<ProcessInfo>* unknown) {
  const auto processes = FamilyOf(context, main);
  if (!processes.has_value()) return {main};
  const pid_t self = context.os->Self();
  const auto is_root = [&](const ProcessInfo& process) {
    if (process.pid == main) return true;
    if (hiding != nullptr && HidesOthers(context, process)) {
      hiding->push_back(process.pid);
    }
    return process.parent == self && process.state != 'Z' &&
           IsOrphanOf(context, process, group, mark, unknown);
  };
  const auto is_other = [&](const ProcessInfo& process) {
    return process.pid == self ||
           (process.pid != main && context.children->Knows(process.pid));
  };
  return Descendants(*processes, is_root, is_other);
}

bool IsOrphanOf(const Context& context, const ProcessInfo& process, pid_t group,
                std::string_view mark, std::vector<ProcessInfo>* unknown) {
  if (process.group == group || process.session == group) return true;
  const Marks::Verdict verdict = context.marks->Of(process, mark);
  if (verdict == Marks::Verdict::kUnknown && unknown != nullptr) {
    unknown->push_back(process);
  }
  return verdict == Marks::Verdict::kHas;
}

bool HidesOthers(const Context& context, const ProcessInfo& process) {
  if (process.parent != context.os->Self()) return false;
  if (process.state != 'Z') return process.ending;
  return context.os->TracerOf(process.pid).value_or(0) == 0;
}

std::optional<bool> IsMember(const Context& context, pid_t pid, pid_t main,
                             pid_t group, std::string_view mark,
                             std::vector<ProcessInfo>* unknown) {
  if (pid == main) return true;
  const std::optional<ProcessInfo> found = context.os->ReadProcess(pid);
  if (!found.has_value()) return false;
  if (found->state == 'Z') {
    // A parent that has ended has no children any more: this one is alive.
    pid = found->parent;
    if (pid == context.os->Self()) {
      return found->group == group || found->session == group;
    }
  }
  const size_t known = unknown->size();
  std::optional<bool> is =
      DescendsFrom(context, pid, main, group, mark, unknown);
  if (!is.has_value()) {
    is = DescendsFrom(context, pid, main, group, mark, unknown);
  }
  if (unknown->size() > known) return std::nullopt;
  return is.value_or(false);
}

void MemberSearch::Find(pid_t main, pid_t group, const std::string& mark,
                        const Then& then) {
  question_.Cancel();
  Look(main, group, mark, then, 1);
}

void MemberSearch::Look(pid_t main, pid_t group, const std::string& mark,
                        const Then& then, int looks) {
  std::vector<ProcessInfo> unknown;
  const std::vector<pid_t> members =
      MembersOf(context_, main, group, mark, nullptr, &unknown);
  if (unknown.empty() || looks == kMostLooks) return then(members);
  question_.Ask(unknown, [this, main, group, mark, then, looks] {
    Look(main, group, mark, then, looks + 1);
  });
}

}  // namespace reinit
