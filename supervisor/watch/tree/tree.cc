#include "supervisor/watch/tree/tree.h"

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
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "supervisor/watch/tree/absolute_path.h"
#include "supervisor/watch/tree/content.h"
#include "supervisor/watch/tree/stamp.h"

namespace reinit {
namespace {

constexpr uint64_t kSeed = 0x726f6f74;
// Of a root that is a directory, whose contents count by themselves, or a
// device: it is there.
constexpr uint64_t kPresent = 1;

// Without `.`, `..` and the slash at its end, as users write a pattern's path.
std::string Normal(const std::string& path) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : absl::StrSplit(path, '/')) {
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(part);
    }
  }
  return absl::StrCat("/", absl::StrJoin(parts, "/"));
}

// "." is left out: users write app.py, not ./app.py.
std::string Display(const std::string& root, std::string_view below) {
  if (below.empty()) return root;
  if (root == "." || root == "./") return std::string(below);
  return absl::StrCat(root, absl::EndsWith(root, "/") ? "" : "/", below);
}

}  // namespace

Tree::Tree(Options options)
    : compare_(options.compare),
      announcer_(options.announcer),
      alarm_(options.alarm),
      progress_(std::move(options.progress)),
      max_directories_(options.max_directories),
      since_(options.since),
      max_open_(options.max_open_directories) {
  std::vector<std::string> places;
  for (const std::string& given : options.roots) {
    places.push_back(Normal(AbsolutePath(given, options.base)));
  }
  for (std::string& given : options.roots) {
    Root& root = roots_.emplace_back(
        options.filter.Below(places[roots_.size()], places));
    root.access = AbsolutePath(given, options.base);
    root.path_hash = PathHash(kSeed, given);
    root.given = std::move(given);
    root.hash = compare_ == WatchCompare::kHash;
    ++not_covered_;
  }
  struct stat st;
  for (const std::string& part : options.volume_parts) {
    if (compare_ != WatchCompare::kAuto) break;
    if (::stat(part.c_str(), &st) == 0) {
      volume_parts_.emplace(st.st_dev, st.st_ino);
    }
  }
  if (::stat("/dev", &st) == 0) {
    dev_ = {st.st_dev, st.st_ino};
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
  if (!findings_.changed()) ClearDirty();
  if (scope == Scope::kAll) more_watches_ = true;
  for (Root& root : roots_) CheckRoot(&root, scope != Scope::kRecent);
  VisitPending();
  const auto visit = [this, scope](size_t slot) {
    Directory* const directory = directories_[slot].get();
    if (directory == nullptr || directory->seen == sweep_ ||
        roots_[directory->root].misses > 0 || !complete_ ||
        (scope != Scope::kAll && directory->covered)) {
      return;
    }
    Visit(directory, /*only_dirty=*/false);
    VisitPending();
  };
  if (scope == Scope::kRecent) {
    for (const uint32_t slot : std::vector(recent_)) visit(slot);
    return;
  }
  // By index: visits add directories.
  for (size_t slot = 0; slot < directories_.size(); ++slot) visit(slot);
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
  // What is written to a device or a pipe is no content either.
  const uint64_t target = S_ISREG(st.st_mode) ? StampOf(st) : kPresent;
  const uint64_t state = is_link ? MixIn(target, StampOf(link)) : target;
  if (!root->hash && !volume_parts_.contains(std::pair(st.st_dev, st.st_ino))) {
    return state;
  }
  // Which directory it is shows in what is found there.
  if (!S_ISREG(st.st_mode)) return root->hash ? target : state;
  const uint64_t stamp =
      is_link ? MixIn(ReadStampOf(st), ReadStampOf(link)) : ReadStampOf(st);
  if (stamp == root->read_at && root->stamp != 0) return root->stamp;
  const int64_t now = WallClock();
  uint64_t hash = 0;
  if (!HashContent(AT_FDCWD, root->access.c_str(), progress_, &hash)) {
    return root->stamp != 0 ? root->stamp : state;
  }
  const bool young = IsYoung(st, now) || IsYoung(link, now);
  root->read_at = young ? 0 : stamp;
  return hash;
}

void Tree::RootMissing(Root* root, bool sweep) {
  if (sweep || root->misses == 0) ++root->misses;
  if (root->gone || (root->misses < 2 && !base_line_)) return;
  root->gone = true;
  findings_.NoteRoot(/*gone=*/true, root->given);
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
  const uint64_t revision = findings_.revision();
  const bool was_gone = std::exchange(root->gone, false);
  if (was_gone) {
    findings_.NoteRoot(/*gone=*/false, root->given);
    digest_ -= std::exchange(root->gone_digest, 0);
  }
  const bool differs = stamp != root->stamp;
  SetRootStamp(root, stamp);
  FollowRootDirectory(root, st);
  // Name what is in it rather than the root itself.
  VisitPending();
  const bool late = base_line_ && !S_ISDIR(st.st_mode) && IsLate(st);
  if (base_line_ ? late
      : was_gone ? revision == findings_.revision()
                 : differs) {
    const bool empty = S_ISREG(st.st_mode) && st.st_size == 0;
    const auto is = empty ? Findings::Is::kEmpty : Findings::Is::kThere;
    findings_.NoteChange(root->path_hash, true, is, [root] {
      return Findings::Path{"", root->given};
    });
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
      findings_.Warn(
          absl::StrCat("cannot read ", root->given, ": ", strerror(errno)));
    }
    return;
  }
  if (known != nullptr) {
    ReplaceDirectory(known, std::move(fd));
  } else {
    root->directory = AddDirectory(root, nullptr, "");
    root->directory->fd = std::move(fd);
  }
  opened_.push_back(root->directory->slot);
}

bool Tree::IsLate(const struct stat& st) const {
  if (!since_.has_value()) return false;
  return st.st_ctim.tv_sec != since_->tv_sec
             ? st.st_ctim.tv_sec > since_->tv_sec
             : st.st_ctim.tv_nsec > since_->tv_nsec;
}

void Tree::Update(Directory* directory, Entry* entry, uint64_t stamp, bool late,
                  bool empty) {
  if (entry->stamp == stamp) return;
  const std::string_view name(directory->names.data() + entry->name);
  const uint64_t path_hash = PathHash(directory->path_hash, name);
  if (entry->stamp != 0) digest_ -= DigestOf(path_hash, entry->stamp);
  if (stamp != 0) digest_ += DigestOf(path_hash, stamp);
  const bool was_there = std::exchange(entry->stamp, stamp) != 0;
  if (std::exchange(entry->quiet, false) || (base_line_ && !late)) return;
  entry->dirty = true;
  MarkDirty(directory);
  std::erase(recent_, directory->slot);
  recent_.insert(recent_.begin(), directory->slot);
  if (recent_.size() > kMaxRecent) recent_.pop_back();
  const auto is = stamp == 0 ? Findings::Is::kGone
                  : empty    ? Findings::Is::kEmpty
                             : Findings::Is::kThere;
  findings_.NoteChange(path_hash, was_there, is, [&] {
    std::string below = PathBelowRoot(directory, name);
    std::string shown = Display(roots_[directory->root].given, below);
    return Findings::Path{std::move(below), std::move(shown)};
  });
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

FoundChanges Tree::TakeChanges(size_t max_names) {
  ClearDirty();
  return findings_.TakeChanges(max_names);
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

std::vector<std::string> Tree::EmptyRoots() const {
  std::vector<size_t> files(roots_.size());
  for (const auto& directory : directories_) {
    if (directory != nullptr) {
      files[directory->root] += directory->entries.size();
    }
  }
  std::vector<std::string> empty;
  for (size_t i = 0; i < roots_.size(); ++i) {
    if (roots_[i].directory != nullptr && files[i] == 0) {
      empty.push_back(roots_[i].given);
    }
  }
  return empty;
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
                 findings_.MemoryUsed();
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
