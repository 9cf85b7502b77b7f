#include "supervisor/process/successor.h"

#include "supervisor/process/members.h"

namespace reinit {

void Successor::Find(const Former& former, const Then& then) {
  Search(former, then, 1);
}

void Successor::Search(const Former& former, const Then& then, int looks) {
  std::vector<ProcessInfo> unknown;
  const pid_t found = Look(former, &unknown);
  if (unknown.empty() || looks == MemberSearch::kMostLooks) {
    named_ = 0;
    return then(found);
  }
  question_.Ask(unknown, [this, former, then, looks] {
    Search(former, then, looks + 1);
  });
}

// One that is not our child, since it came by another way, could not be waited
// for.
pid_t Successor::Look(const Former& former,
                      std::vector<ProcessInfo>* unknown) const {
  if (named_ == 0 && former.holds_socket == nullptr) return 0;
  pid_t unnamed = 0;
  int others = 0;
  const auto family = FamilyOf(context_, 0);
  if (!family.has_value()) return 0;
  for (const ProcessInfo& process : *family) {
    // By now one of ours may have the pid that was named.
    if (process.parent != context_.os->Self() || process.state == 'Z' ||
        process.pid == former.pid || context_.children->Knows(process.pid)) {
      continue;
    }
    if (process.pid == named_) {
      unknown->clear();
      return named_;
    }
    if (former.holds_socket == nullptr || !former.holds_socket(process.pid) ||
        !IsOrphanOf(context_, process, former.group, former.mark, unknown)) {
      continue;
    }
    unnamed = process.pid;
    ++others;
  }
  return others == 1 ? unnamed : 0;
}

}  // namespace reinit
