// The part of Tree that deals with what the kernel announces.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/watch/filter/ignore_rules.h"
#include "supervisor/watch/tree/file_systems.h"
#include "supervisor/watch/tree/listing.h"
#include "supervisor/watch/tree/tree.h"

namespace reinit {
namespace {

// A path's id says whose it is: a root's, or that of a directory's links.
constexpr uint64_t kLinksOf = uint64_t{1} << 32;

// A file that is mounted by itself (docker -v file:file) lies in another
// directory as far as announcements go.
bool IsMountPoint(int fd) {
  struct statx stx = {};
  return ::statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) == 0 &&
         (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

}  // namespace

void Tree::LookAnnounced() {
  announcer_->Read(this);
  if (!sweep_due_) Recheck();
  if (sweep_due_) Sweep();
  if (!findings_.changed()) ClearDirty();
}

void Tree::OnDirectory(uint32_t slot, std::string_view name, bool is_directory,
                       bool lost) {
  Directory* const directory =
      slot < directories_.size() ? directories_[slot].get() : nullptr;
  if (directory == nullptr) return;
  silent_.erase(slot);
  if (lost) {
    // Its file system was unmounted, or it is no more: the next look tells.
    directory->watch = -1;
    SetCovered(false, &directory->covered);
  }
  if (lost || name.empty()) {
    MarkDirty(directory);
    return;
  }
  // A link that counts as a directory, whatever files the filter wants.
  if (name == kVolumeData) is_directory = true;
  if (is_directory) {
    if (!FilterOf(*directory).EntersDirectory(PlaceOf(*directory), name))
      return;
    // One that could not be read has no watch of its own.
    for (Directory* const child : directory->children) {
      if (child->name == name && child->watch < 0) MarkDirty(child);
    }
    directory->racy = true;
    MarkDirty(directory);
    return;
  }
  std::vector<Entry>& entries = directory->entries;
  const char* const names = directory->names.data();
  const auto entry =
      std::lower_bound(entries.begin(), entries.end(), name,
                       [names](const Entry& e, std::string_view n) {
                         return names + e.name < n;
                       });
  if (entry != entries.end() && names + entry->name == name) {
    entry->dirty = true;
  } else if (FilterOf(*directory).WatchesFile(PlaceOf(*directory), name) ||
             (FilterOf(*directory).ignore_files() && name == kIgnoreFile)) {
    directory->racy = true;
  } else {
    return;
  }
  MarkDirty(directory);
}

void Tree::OnPath(uint64_t path) {
  if (path < kLinksOf) {
    roots_[path].moved = true;
    roots_[path].silent = false;
    return;
  }
  const uint64_t slot = path - kLinksOf;
  Directory* const directory =
      slot < directories_.size() ? directories_[slot].get() : nullptr;
  if (directory == nullptr) return;
  silent_.erase(directory->slot);
  announcer_->ForgetPath(path);
  for (Entry& entry : directory->entries) {
    if (std::exchange(entry.link, false)) entry.dirty = true;
  }
  MarkDirty(directory);
}

void Tree::WatchRoot(Root* root) {
  root->moved = false;
  const uint64_t id = static_cast<uint64_t>(root - roots_.data());
  announcer_->ForgetPath(id);
  const Announcer::Way way =
      announcer_->WatchPath(id, UniqueFd(), root->access);
  if (way.error != 0) watch_error_ = way.error;
  if (way.has_data && compare_ == WatchCompare::kAuto) root->hash = true;
  SetCovered(way.error == 0 && TargetAnnounces(AT_FDCWD, root->access.c_str()),
             &root->covered);
}

// Whether changes of what this path means are announced; what is not there is
// announced by the directory that it will be in.
bool Tree::TargetAnnounces(int at, const char* path) {
  const UniqueFd fd(::openat(at, path, O_PATH | O_CLOEXEC));
  struct stat st;
  if (!fd.valid() || ::fstat(fd.get(), &st) != 0) return true;
  return file_systems_.Announces(st.st_dev, fd.get()) &&
         (S_ISDIR(st.st_mode) || !IsMountPoint(fd.get()));
}

// False: its changes are not announced.
bool Tree::Watch(Directory* directory, int fd) {
  if (!file_systems_.Announces(directory->device, fd)) return false;
  const int watch = announcer_->WatchDirectory(directory->slot, fd);
  if (watch < 0) {
    watch_error_ = -watch;
    // Where one is refused for itself, others may still be had.
    if (watch != -EACCES && watch != -ENOENT) more_watches_ = false;
    return false;
  }
  directory->watch = watch;
  directory->watched_since = sweep_;
  SetCovered(true, &directory->covered);
  return true;
}

void Tree::Unwatch(Directory* directory) {
  SetCovered(false, &directory->covered);
  if (announcer_ == nullptr) return;
  silent_.erase(directory->slot);
  if (directory->watch >= 0) {
    announcer_->ForgetDirectory(directory->slot, directory->watch);
  }
  announcer_->ForgetPath(kLinksOf + directory->slot);
  for (Entry& entry : directory->entries) entry.link = false;
  directory->watch = -1;
}

void Tree::WatchLink(Directory* directory, int fd, Entry* entry) {
  entry->link = true;
  const char* const name = directory->names.data() + entry->name;
  const Announcer::Way way =
      announcer_->WatchPath(kLinksOf + directory->slot,
                            UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 0)), name);
  if (way.error != 0 || !TargetAnnounces(fd, name)) {
    SetCovered(false, &directory->covered);
  }
}

void Tree::SetCovered(bool covered, bool* member) {
  if (std::exchange(*member, covered) == covered) return;
  not_covered_ += covered ? -1 : 1;
}

void Tree::Audit() {
  audits_ = true;
  Sweep();
  audits_ = false;
}

Tree::Silent Tree::TakeSilent() {
  Silent found;
  for (auto& [slot, file] : std::exchange(silent_, {})) {
    Directory* const directory = directories_[slot].get();
    if (directory == nullptr) continue;
    const Handle handle = Open(directory);
    if (handle.fd < 0) continue;  // it is no more
    if (!found.swept) found.file = std::move(file);
    if (FileSystems::AnnouncesAll(handle.fd)) continue;
    file_systems_.SetSilent(directory->device);
    found.swept = true;
  }
  for (Root& root : roots_) {
    if (!std::exchange(root.silent, false)) continue;
    if (!found.swept) found.file = root.given;
    const UniqueFd fd(::open(root.access.c_str(), O_PATH | O_CLOEXEC));
    struct stat st;
    if (FileSystems::AnnouncesAll(fd.get())) continue;
    if (::fstat(fd.get(), &st) == 0) file_systems_.SetSilent(st.st_dev);
    SetCovered(false, &root.covered);
    found.swept = true;
  }
  if (!found.swept) return found;
  for (const auto& directory : directories_) {
    if (directory != nullptr && file_systems_.IsSilent(directory->device)) {
      SetCovered(false, &directory->covered);
    }
  }
  return found;
}

bool Tree::MissesRoot() const {
  return std::any_of(roots_.begin(), roots_.end(), [](const Root& root) {
    return root.misses > 0 && !root.gone;
  });
}

}  // namespace reinit
