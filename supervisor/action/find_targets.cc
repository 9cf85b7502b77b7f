#include "supervisor/action/find_targets.h"

#include <fnmatch.h>

#include <algorithm>
#include <cstddef>
#include <map>

#include "absl/strings/match.h"
#include "reaper/process_tree.h"

namespace reinit {
namespace {

constexpr size_t kMaxName = 15;

// Podman's infra container runs catatonit -P, Kubernetes' /pause.
bool KeepsNamespaces(
    const ProcessInfo& process,
    absl::FunctionRef<std::string(const ProcessInfo&)> command_line) {
  if (process.name == "pause") return true;
  return process.pid == 1 && process.name == "catatonit" &&
         absl::EndsWith(command_line(process), " -P");
}

bool Matches(const ProcessInfo& process, const TargetRule& rule,
             absl::FunctionRef<std::string(const ProcessInfo&)> command_line) {
  if (rule.pid != 0 && process.pid != rule.pid) return false;
  if (!rule.process.empty() &&
      process.name != rule.process.substr(0, kMaxName)) {
    return false;
  }
  // A backslash means itself.
  return rule.cmdline.empty() ||
         (process.state != 'D' &&
          ::fnmatch(rule.cmdline.c_str(), command_line(process).c_str(),
                    FNM_NOESCAPE) == 0);
}

}  // namespace

std::vector<ProcessInfo> FindTargets(
    absl::Span<const ProcessInfo> processes, pid_t self,
    absl::FunctionRef<bool(pid_t)> is_own, const TargetRule& rule,
    absl::FunctionRef<std::string(const ProcessInfo&)> command_line) {
  const std::vector<pid_t> ours = Descendants(
      processes,
      [&](const ProcessInfo& process) {
        return process.parent == self && is_own(process.pid);
      },
      [](const ProcessInfo&) { return false; });
  std::map<pid_t, pid_t> parents;
  std::map<pid_t, const ProcessInfo*> matching;
  for (const ProcessInfo& process : processes) {
    parents[process.pid] = process.parent;
    if (process.pid == self || process.kernel_thread || process.state == 'Z' ||
        process.state == 'X' ||
        std::binary_search(ours.begin(), ours.end(), process.pid)) {
      continue;
    }
    if (Matches(process, rule, command_line) &&
        !KeepsNamespaces(process, command_line)) {
      matching[process.pid] = &process;
    }
  }
  std::vector<ProcessInfo> result;
  for (const auto& [pid, process] : matching) {
    bool below_another = false;
    pid_t parent = process->parent;
    // A look at /proc is no snapshot: no more steps than processes.
    for (size_t i = 0; i < processes.size() && parent != 0; ++i) {
      below_another = below_another || matching.count(parent) != 0;
      const auto found = parents.find(parent);
      parent = found == parents.end() ? 0 : found->second;
    }
    if (!below_another) result.push_back(*process);
  }
  return result;
}

}  // namespace reinit
