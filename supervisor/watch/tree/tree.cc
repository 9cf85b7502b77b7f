#include "supervisor/watch/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "supervisor/watch/content.h"
#include "supervisor/watch/stamp.h"

namespace reinit {
namespace {

constexpr uint64_t kSeed = 0x726f6f74;
// Of a root that is a directory: it is there, its contents count by themselves.
constexpr uint64_t kPresent = 1;
constexpr int kMaxWarnings = 20;
// Of which one is told: one that the user would recognise, if there is any.
constexpr size_t kMaxExamples = 64;

std::string Absolute(const std::string& path) {
  if (absl::StartsWith(path, "/")) return path;
  const std::unique_ptr<char, decltype(&std::free)> cwd(::getcwd(nullptr, 0),
                                                        &std::free);
  return cwd == nullptr ? path : absl::StrCat(cwd.get(), "/", path);
}

// "." is left out: users write app.py, not ./app.py.
std::string Display(const std::string& root, std::string_view below) {
  if (below.empty()) return root;
  if (root == "." || root == "./") return std::string(below);
  return absl::StrCat(root, absl::EndsWith(root, "/") ? "" : "/", below);
}

}  // namespace

Tree::Tree(Options options)
    : filter_(std::move(options.filter)),
      compare_(options.compare),
      announcer_(options.announcer),
      alarm_(options.alarm),
      progress_(std::move(options.progress)),
      max_directories_(options.max_directories),
      since_(options.since),
      max_open_(options.max_open_directories) {
  for (std::string& given : options.roots) {
    Root& root = roots_.emplace_back();
    root.access = Absolute(given);
    root.path_hash = PathHash(kSeed, given);
    root.given = std::move(given);
    root.hash = compare_ == WatchCompare::kHash;
    ++not_covered_;
  }
  struct stat st;
  if (::stat("/dev", &st) == 0) {
    dev_device_ = st.st_dev;
    dev_inode_ = st.st_ino;
  }
}

Tree::~Tree() = default;

void Tree::Scan() {
  base_line_ = true;
  Sweep();
  base_line_ = false;
}

void Tree::Sweep(Scope scope) {
  ++sweep_;
  if (changed_.empty()) ClearDirty();
  if (scope == Scope::kAll) more_watches_ = true;
  for (Root& root : roots_) CheckRoot(&root, /*sweep=*/true);
  VisitPending();
  // By index: visits add directories.
  for (size_t slot = 0; slot < directories_.size(); ++slot) {
    Directory* const directory = directories_[slot].get();
    if (directory == nullptr || directory->seen == sweep_ ||
        roots_[directory->root].misses > 0 || !complete_ ||
        (scope == Scope::kNotCovered && directory->covered)) {
      continue;
    }
    Visit(directory, /*only_dirty=*/false);
    VisitPending();
  }
  if (scope == Scope::kAll) sweep_due_ = false;
}

void Tree::Recheck() {
  for (Root& root : roots_) CheckRoot(&root, /*sweep=*/false);
  VisitPending();
  const std::vector<uint32_t> slots = dirty_;
  for (const uint32_t slot : slots) {
    Directory* const directory = directories_[slot].get();
    if (directory == nullptr || !directory->dirty ||
        roots_[directory->root].misses > 0) {
      continue;
    }
    Visit(directory, /*only_dirty=*/true);
    VisitPending();
  }
}

void Tree::CheckRoot(Root* root, bool sweep) {
  if (alarm_ != nullptr) alarm_->Step(root->given.c_str());
  if (announcer_ != nullptr && root->moved) WatchRoot(root);
  struct stat link;
  if (::fstatat(AT_FDCWD, root->access.c_str(), &link, AT_SYMLINK_NOFOLLOW) !=
      0) {
    RootMissing(root, sweep);
    return;
  }
  struct stat st = link;
  const bool is_link = S_ISLNK(link.st_mode);
  if (is_link && ::fstatat(AT_FDCWD, root->access.c_str(), &st, 0) != 0) {
    RootMissing(root, sweep);
    return;
  }
  RootFound(root, RootStamp(root, link, st), st);
}

uint64_t Tree::RootStamp(Root* root, const struct stat& link,
                         const struct stat& st) {
  const bool is_link = S_ISLNK(link.st_mode);
  const uint64_t target = S_ISDIR(st.st_mode) ? kPresent : StampOf(st);
  const uint64_t stamp = is_link ? MixIn(target, StampOf(link)) : target;
  if (!root->hash) return stamp;
  // Which directory it is shows in what is found there.
  if (!S_ISREG(st.st_mode)) return target;
  if (stamp == root->read_at && root->stamp != 0) return root->stamp;
  const int64_t now = WallClock();
  uint64_t hash = 0;
  if (!HashContent(AT_FDCWD, root->access.c_str(), progress_, &hash)) {
    return root->stamp != 0 ? root->stamp : stamp;
  }
  const bool young = IsYoung(st, now) || IsYoung(link, now);
  root->read_at = young ? 0 : stamp;
  return hash;
}

void Tree::RootMissing(Root* root, bool sweep) {
  if (sweep || root->misses == 0) ++root->misses;
  if (root->gone || (root->misses < 2 && !base_line_)) return;
  root->gone = true;
  events_.push_back({.gone = true, .path = root->given});
  if (root->stamp != 0) {
    root->gone_digest += DigestOf(root->path_hash, root->stamp);
    root->stamp = 0;
  }
  if (root->directory != nullptr) {
    RemoveDirectory(root->directory, /*report=*/false);
  }
}

void Tree::RootFound(Root* root, uint64_t stamp, const struct stat& st) {
  // Nobody looked where something was announced meanwhile.
  if (std::exchange(root->misses, 0) > 0) sweep_due_ = true;
  const uint64_t revision = revision_;
  const bool was_gone = std::exchange(root->gone, false);
  if (was_gone) {
    events_.push_back({.gone = false, .path = root->given});
    digest_ -= std::exchange(root->gone_digest, 0);
  }
  const bool differs = stamp != root->stamp;
  SetRootStamp(root, stamp);
  FollowRootDirectory(root, st);
  // Name what is in it rather than the root itself.
  VisitPending();
  const bool late = base_line_ && !S_ISDIR(st.st_mode) && IsLate(st);
  if (base_line_ ? late : was_gone ? revision == revision_ : differs) {
    Note(root->path_hash, true, true, *root, nullptr, "");
    if (audits_ && root->covered) root->silent = true;
  }
}

void Tree::SetRootStamp(Root* root, uint64_t stamp) {
  if (root->stamp != 0) digest_ -= DigestOf(root->path_hash, root->stamp);
  root->stamp = stamp;
  digest_ += DigestOf(root->path_hash, root->stamp);
}

void Tree::FollowRootDirectory(Root* root, const struct stat& st) {
  Directory* const known = root->directory;
  if (known != nullptr && known->device == st.st_dev &&
      known->inode == st.st_ino) {
    return;
  }
  if (!S_ISDIR(st.st_mode)) {
    if (known != nullptr) RemoveDirectory(known, /*report=*/true);
    return;
  }
  UniqueFd fd(::open(root->access.c_str(),
                     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) {
    if (!std::exchange(root->warned, true)) {
      Warn(absl::StrCat("cannot read ", root->given, ": ", strerror(errno)));
    }
    return;
  }
  if (known != nullptr) {
    ReplaceDirectory(known, std::move(fd));
    return;
  }
  root->directory = AddDirectory(root, nullptr, "");
  root->directory->fd = std::move(fd);
}

bool Tree::IsLate(const struct stat& st) const {
  if (!since_.has_value()) return false;
  return st.st_ctim.tv_sec != since_->tv_sec
             ? st.st_ctim.tv_sec > since_->tv_sec
             : st.st_ctim.tv_nsec > since_->tv_nsec;
}

void Tree::Update(Directory* directory, Entry* entry, uint64_t stamp,
                  bool late) {
  if (entry->stamp == stamp) return;
  const std::string_view name(directory->names.data() + entry->name);
  const uint64_t path_hash = PathHash(directory->path_hash, name);
  if (entry->stamp != 0) digest_ -= DigestOf(path_hash, entry->stamp);
  if (stamp != 0) digest_ += DigestOf(path_hash, stamp);
  const bool was_there = std::exchange(entry->stamp, stamp) != 0;
  if (std::exchange(entry->quiet, false) || (base_line_ && !late)) return;
  entry->dirty = true;
  MarkDirty(directory);
  Note(path_hash, was_there, stamp != 0, roots_[directory->root], directory,
       name);
  if (audits_ && directory->covered && directory->watched_since < sweep_) {
    silent_.try_emplace(
        directory->slot,
        Display(roots_[directory->root].given, PathBelowRoot(directory, name)));
  }
}

void Tree::MarkDirty(Directory* directory) {
  if (std::exchange(directory->dirty, true)) return;
  dirty_.push_back(directory->slot);
}

void Tree::ClearDirty() {
  for (const uint32_t slot : dirty_) {
    Directory* const directory = directories_[slot].get();
    if (directory == nullptr) continue;
    directory->dirty = false;
    for (Entry& entry : directory->entries) entry.dirty = false;
  }
  dirty_.clear();
}

// `directory` is null for the root itself.
void Tree::Report(uint64_t path_hash, const Root& root,
                  const Directory* directory, std::string_view name) {
  if (examples_.size() == kMaxExamples) return;
  const std::string below =
      directory == nullptr ? "" : PathBelowRoot(directory, name);
  const bool hidden =
      absl::StartsWith(below, ".") || absl::StrContains(below, "/.");
  examples_.push_back({path_hash, hidden, Display(root.given, below)});
}

// What comes and goes before anybody is told (a tool's temporary file) was no
// change.
void Tree::Note(uint64_t path_hash, bool was_there, bool is_there,
                const Root& root, const Directory* directory,
                std::string_view name) {
  ++revision_;
  const auto [known, is_new] = changed_.try_emplace(path_hash, was_there);
  if (is_new) {
    Report(path_hash, root, directory, name);
  } else if (!known->second && !is_there) {
    changed_.erase(known);
    examples_.erase(std::remove_if(examples_.begin(), examples_.end(),
                                   [path_hash](const Example& example) {
                                     return example.path_hash == path_hash;
                                   }),
                    examples_.end());
  }
}

std::string Tree::PathBelowRoot(const Directory* directory,
                                std::string_view name) const {
  std::vector<std::string_view> parts = {name};
  for (; directory->parent != nullptr; directory = directory->parent) {
    // The user knows the links beside it, which lead there.
    if (!directory->follow) parts.push_back(directory->name);
  }
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.empty()) path.push_back('/');
    path.append(*part);
  }
  return path;
}

Tree::Changes Tree::TakeChanges(size_t max_names) {
  Changes changes{changed_.size(), "", {}};
  for (const auto& [path_hash, was_there] : changed_) {
    if (changes.names.size() == max_names) break;
    changes.names.push_back(path_hash);
  }
  auto example = std::find_if(examples_.begin(), examples_.end(),
                              [](const Example& e) { return !e.hidden; });
  if (example == examples_.end()) example = examples_.begin();
  if (example != examples_.end()) changes.first = std::move(example->path);
  // Not clear(), which would keep the memory of the largest burst.
  changed_ = {};
  examples_ = {};
  ClearDirty();
  return changes;
}

std::vector<Tree::RootEvent> Tree::TakeRootEvents() {
  return std::exchange(events_, {});
}

std::vector<std::string> Tree::TakeWarnings() {
  return std::exchange(warnings_, {});
}

void Tree::Warn(std::string line) {
  if (warned_ > kMaxWarnings) return;
  if (++warned_ > kMaxWarnings) {
    line = "more cannot be read, which is not shown any more";
  }
  warnings_.push_back(std::move(line));
}

size_t Tree::files() const {
  size_t count = 0;
  for (const Root& root : roots_) {
    count += root.stamp != 0 && root.directory == nullptr ? 1 : 0;
  }
  for (const auto& directory : directories_) {
    if (directory != nullptr) count += directory->entries.size();
  }
  return count;
}

std::vector<std::pair<std::string, size_t>> Tree::LargestDirectories(
    size_t count) const {
  std::vector<const Directory*> all;
  for (const auto& directory : directories_) {
    if (directory != nullptr && !directory->entries.empty()) {
      all.push_back(directory.get());
    }
  }
  count = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(count),
                    all.end(), [](const Directory* a, const Directory* b) {
                      return a->entries.size() > b->entries.size();
                    });
  std::vector<std::pair<std::string, size_t>> largest;
  for (size_t i = 0; i < count; ++i) {
    const std::string& root = roots_[all[i]->root].given;
    largest.emplace_back(
        all[i]->parent == nullptr
            ? root
            : Display(root, PathBelowRoot(all[i]->parent, all[i]->name)),
        all[i]->entries.size());
  }
  return largest;
}

size_t Tree::directories() const {
  return directories_.size() - free_slots_.size();
}

size_t Tree::MemoryUsed() const {
  size_t bytes = directories_.capacity() * sizeof(directories_[0]) +
                 free_slots_.capacity() * sizeof(free_slots_[0]) +
                 changed_.capacity() * (sizeof(*changed_.begin()) + 1);
  for (const auto& directory : directories_) {
    if (directory == nullptr) continue;
    bytes += sizeof(*directory) + directory->name.capacity() +
             directory->names.capacity() +
             directory->entries.capacity() * sizeof(Entry) +
             directory->read_at.capacity() * sizeof(uint64_t) +
             directory->children.capacity() * sizeof(void*);
  }
  return bytes;
}

}  // namespace reinit
