#include "supervisor/watch/tree/findings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"

namespace reinit {
namespace {

constexpr int kMaxWarnings = 20;

}  // namespace

void Findings::NoteChange(uint64_t path_hash, bool was_there, Is is,
                          absl::FunctionRef<Path()> path) {
  ++revision_;
  const auto [known, is_new] =
      changed_.try_emplace(path_hash, Difference{was_there, is});
  known->second.is = is;
  if (is_new) {
    if (examples_.size() == FoundChanges::kMaxPaths) return;
    Path found = path();
    const bool hidden = absl::StartsWith(found.below, ".") ||
                        absl::StrContains(found.below, "/.");
    examples_.push_back({path_hash, hidden, std::move(found.shown)});
  } else if (!known->second.was_there && is == Is::kGone) {
    changed_.erase(known);
    examples_.erase(std::remove_if(examples_.begin(), examples_.end(),
                                   [path_hash](const Example& example) {
                                     return example.path_hash == path_hash;
                                   }),
                    examples_.end());
  }
}

bool Findings::OnlyOneRewritten() const {
  if (changed_.size() != 1) return false;
  const Difference& one = changed_.begin()->second;
  return one.was_there && one.is == Is::kThere;
}

FoundChanges Findings::TakeChanges(size_t max_names) {
  FoundChanges changes;
  changes.count = changed_.size();
  std::vector<uint64_t> names;
  names.reserve(changed_.size());
  for (const auto& [path_hash, difference] : changed_) {
    names.push_back(path_hash);
  }
  // The smallest, so that the same files have the same names each time.
  const size_t kept = std::min(max_names, names.size());
  std::partial_sort(names.begin(),
                    names.begin() + static_cast<std::ptrdiff_t>(kept),
                    names.end());
  names.resize(kept);
  changes.names = std::move(names);
  // One that the user would recognise, if there is any.
  auto example = std::find_if(examples_.begin(), examples_.end(),
                              [](const Example& e) { return !e.hidden; });
  if (example == examples_.end()) example = examples_.begin();
  if (example != examples_.end()) changes.first = example->path;
  changes.paths.reserve(examples_.size());
  for (Example& one : examples_) changes.paths.push_back(std::move(one.path));
  // Not clear(), which would keep the memory of the largest burst.
  changed_ = {};
  examples_ = {};
  return changes;
}

std::vector<RootEvent> Findings::TakeRootEvents() {
  return std::exchange(events_, {});
}

void Findings::Warn(std::string line) {
  if (warned_ > kMaxWarnings) return;
  if (++warned_ > kMaxWarnings) {
    line = "more cannot be read, which is not shown any more";
  }
  warnings_.push_back(std::move(line));
}

std::vector<std::string> Findings::TakeWarnings() {
  return std::exchange(warnings_, {});
}

size_t Findings::MemoryUsed() const {
  return changed_.capacity() * (sizeof(*changed_.begin()) + 1);
}

}  // namespace reinit
