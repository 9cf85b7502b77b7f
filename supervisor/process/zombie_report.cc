#include "supervisor/process/zombie_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {

ZombieReport::ZombieReport(const Context& context)
    : context_(context), timer_(context.loop, [this] { Look(); }) {}

void ZombieReport::Start() {
  if (context_.log->Enabled(LogLevel::kDebug)) timer_.ArmAfter(kInterval);
}

void ZombieReport::Look() {
  timer_.ArmAfter(kInterval);
  parents_ =
      FindNeglectfulParents(context_.os->Processes(), context_.os->Self());
  std::vector<pid_t> all;
  for (NeglectfulParent& parent : parents_) {
    all.insert(all.end(), parent.zombies.begin(), parent.zombies.end());
    const auto is_new = [this](pid_t pid) {
      return !std::binary_search(seen_.begin(), seen_.end(), pid);
    };
    parent.zombies.erase(
        std::remove_if(parent.zombies.begin(), parent.zombies.end(), is_new),
        parent.zombies.end());
  }
  parents_.erase(std::remove_if(parents_.begin(), parents_.end(),
                                [](const NeglectfulParent& parent) {
                                  return parent.zombies.empty();
                                }),
                 parents_.end());
  std::sort(all.begin(), all.end());
  seen_ = std::move(all);
  std::map<pid_t, size_t> counts;
  for (const NeglectfulParent& parent : parents_) {
    counts[parent.pid] = parent.zombies.size();
    const auto before = told_.find(parent.pid);
    if (before == told_.end() || before->second != parent.zombies.size()) {
      Tell(parent);
    }
  }
  told_ = std::move(counts);
}

void ZombieReport::Tell(const NeglectfulParent& parent) {
  const size_t count = parent.zombies.size();
  context_.log->Write(
      LogLevel::kDebug,
      absl::StrCat("process [", parent.pid, "] '", parent.name,
                   "' does not wait for its children: ", count,
                   count == 1 ? " zombie, [" : " zombies, the first [",
                   parent.zombies.front(), "] '", parent.zombie_name, "'"));
}

}  // namespace reinit
