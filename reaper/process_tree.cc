#include "reaper/process_tree.h"

#include <algorithm>
#include <map>
#include <utility>

namespace reinit {
namespace {

enum class Mark { kUnknown, kIn, kOut };

}  // namespace

std::vector<pid_t> Descendants(
    absl::Span<const ProcessInfo> processes,
    absl::FunctionRef<bool(const ProcessInfo&)> is_root,
    absl::FunctionRef<bool(const ProcessInfo&)> skip) {
  std::vector<Mark> marks(processes.size(), Mark::kUnknown);
  for (size_t i = 0; i < processes.size(); ++i) {
    if (skip(processes[i])) {
      marks[i] = Mark::kOut;
    } else if (is_root(processes[i])) {
      marks[i] = Mark::kIn;
    }
  }
  // A child takes its parent's mark. Pids wrap, so parents need not come
  // first: again until nothing moves (the depth of the tree, at most).
  std::vector<size_t> order(processes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return processes[a].pid < processes[b].pid;
  });
  const auto index_of = [&](pid_t pid) -> size_t {
    const auto found = std::lower_bound(
        order.begin(), order.end(), pid,
        [&](size_t i, pid_t value) { return processes[i].pid < value; });
    const bool there = found != order.end() && processes[*found].pid == pid;
    return there ? *found : processes.size();
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (const size_t i : order) {
      if (marks[i] != Mark::kUnknown) continue;
      const size_t parent = index_of(processes[i].parent);
      if (parent == processes.size() || marks[parent] == Mark::kUnknown) {
        continue;
      }
      marks[i] = marks[parent];
      moved = true;
    }
  }
  std::vector<pid_t> result;
  for (const size_t i : order) {
    if (marks[i] == Mark::kIn && processes[i].state != 'Z') {
      result.push_back(processes[i].pid);
    }
  }
  return result;
}

std::vector<NeglectfulParent> FindNeglectfulParents(
    absl::Span<const ProcessInfo> processes, pid_t self) {
  const std::vector<pid_t> ours = Descendants(
      processes,
      [self](const ProcessInfo& process) { return process.pid == self; },
      [](const ProcessInfo&) { return false; });
  std::map<pid_t, NeglectfulParent> parents;
  for (const ProcessInfo& process : processes) {
    if (self != 1 &&
        !std::binary_search(ours.begin(), ours.end(), process.parent)) {
      continue;
    }
    if (process.state != 'Z' || process.parent == self || process.parent == 0) {
      continue;
    }
    NeglectfulParent& parent = parents[process.parent];
    parent.zombies.push_back(process.pid);
    if (parent.zombie_name.empty()) parent.zombie_name = process.name;
  }
  std::vector<NeglectfulParent> result;
  for (const ProcessInfo& process : processes) {
    const auto found = parents.find(process.pid);
    // An ended parent's children are on their way to somebody else.
    if (found == parents.end() || process.state == 'Z') continue;
    found->second.pid = process.pid;
    found->second.name = process.name;
    result.push_back(std::move(found->second));
  }
  return result;
}

}  // namespace reinit
