// The part of Tree that follows .gitignore files.
//
// When one changes, what it newly hides is forgotten and what it newly shows is
// taken as it is: neither is a change of the user's files. What both the rules
// before and those now let through is compared as ever, so a real change in the
// same moment (git checkout) counts.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/filter/ignore_rules.h"
#include "supervisor/watch/tree/stamp.h"
#include "supervisor/watch/tree/tree.h"

namespace reinit {

// If its own .gitignore has changed, or of a root's one above it, all below is
// read again.
void Tree::ReadRules(Directory* directory, int fd) {
  struct stat st;
  uint64_t stamp = ::fstatat(fd, kIgnoreFile, &st, AT_SYMLINK_NOFOLLOW) == 0
                       ? ReadStampOf(st)
                       : 0;
  if (directory->parent == nullptr) {
    Root& root = roots_[directory->root];
    const RulesAboveRoot above(root.access);
    if (above.stamp() != 0) stamp = MixIn(stamp, above.stamp()) | 1;
    if (stamp != directory->rules_stamp) root.rules_above = above.Read();
  }
  if (stamp == directory->rules_stamp) return;
  directory->rules_stamp = stamp;
  SetRules(directory, ReadIgnoreRules(fd, PlaceOf(*directory).path,
                                      RulesAbove(*directory)));
  std::vector<Directory*> below = directory->children;
  for (size_t i = 0; i < below.size(); ++i) {
    Directory* const next = below[i];
    SetRules(next, RulesAbove(*next));
    next->rules_stamp = 0;  // its own come on top when it is visited
    below.insert(below.end(), next->children.begin(), next->children.end());
  }
  // Those above are visited first.
  for (auto next = below.rbegin(); next != below.rend(); ++next) {
    pending_.push_back((*next)->slot);
  }
}

void Tree::SetRules(Directory* directory,
                    std::shared_ptr<const IgnoreRules> rules) {
  // One that was never listed has nothing that could be hidden or shown.
  if (directory->stamp != 0) {
    rules_before_.try_emplace(directory->slot, directory->rules);
  }
  directory->rules = std::move(rules);
  directory->racy = true;
}

std::shared_ptr<const IgnoreRules> Tree::RulesAbove(
    const Directory& directory) const {
  return directory.parent != nullptr ? directory.parent->rules
                                     : roots_[directory.root].rules_above;
}

const Filter& Tree::FilterOf(const Directory& directory) const {
  return roots_[directory.root].filter;
}

Filter::Place Tree::PlaceOf(const Directory& directory) const {
  std::string path;
  if (directory.parent != nullptr) {
    path = PathBelowRoot(directory.parent, directory.name);
    path.push_back('/');
  }
  return FilterOf(directory).PlaceOf(std::move(path), directory.rules);
}

// With the rules by which it was listed last, if they have changed since.
std::optional<Filter::Place> Tree::TakePlaceBefore(const Directory& directory) {
  const auto found = rules_before_.find(directory.slot);
  if (found == rules_before_.end()) return std::nullopt;
  Filter::Place place = PlaceOf(directory);
  place.rules = std::move(found->second);
  rules_before_.erase(found);
  return place;
}

// To be removed without a word, by the merge that follows.
void Tree::HideQuietly(Directory* directory, const Filter::Place& now) {
  for (Entry& entry : directory->entries) {
    const char* const name = directory->names.data() + entry.name;
    entry.quiet = entry.quiet || !FilterOf(*directory).WatchesFile(now, name);
  }
  for (Directory* const child : directory->children) {
    child->quiet =
        child->quiet || !FilterOf(*directory).EntersDirectory(now, child->name);
  }
}

// What the merge has added, if it was hidden before, or all of it in a
// directory that was.
void Tree::ShowQuietly(Directory* directory,
                       const std::optional<Filter::Place>& before) {
  const bool all = std::exchange(directory->quiet, false);
  for (Entry& entry : directory->entries) {
    const char* const name = directory->names.data() + entry.name;
    if (entry.stamp == 0 &&
        (all || !FilterOf(*directory).WatchesFile(*before, name))) {
      entry.quiet = true;
    }
  }
  for (Directory* const child : directory->children) {
    if (child->inode == 0 &&
        (all || !FilterOf(*directory).EntersDirectory(*before, child->name))) {
      child->quiet = true;
    }
  }
}

}  // namespace reinit
