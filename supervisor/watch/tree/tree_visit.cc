// The part of Tree that looks into directories.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/tree/content.h"
#include "supervisor/watch/tree/listing.h"
#include "supervisor/watch/tree/stamp.h"
#include "supervisor/watch/tree/tree.h"

namespace reinit {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
// Calls of Options::progress are this many directories apart.
constexpr size_t kProgressStep = 64;

// Kernel interfaces: endless, changing by themselves, and some act on reading.
bool IsPseudoFileSystem(int fd) {
  constexpr unsigned long kCgroup = 0x27e0eb;
  constexpr unsigned long kMqueue = 0x19800202;
  constexpr unsigned long kConfigfs = 0x62656570;
  constexpr unsigned long kFusectl = 0x65735543;
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<unsigned long>(fs.f_type)) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case DEVPTS_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case SECURITYFS_MAGIC:
    case BPF_FS_MAGIC:
    case PSTOREFS_MAGIC:
    case EFIVARFS_MAGIC:
    case BINFMTFS_MAGIC:
    case SELINUX_MAGIC:
    case NSFS_MAGIC:
    case kCgroup:
    case kMqueue:
    case kConfigfs:
    case kFusectl:
      return true;
    default:
      return false;
  }
}

}  // namespace

Tree::Directory* Tree::AddDirectory(Root* root, Directory* parent,
                                    std::string_view name) {
  auto directory = std::make_unique<Directory>();
  Directory* const added = directory.get();
  added->root = static_cast<uint32_t>(root - roots_.data());
  added->parent = parent;
  added->name = std::string(name);
  added->path_hash =
      parent == nullptr ? root->path_hash : PathHash(parent->path_hash, name);
  added->hash = parent == nullptr ? root->hash : parent->hash;
  ++not_covered_;
  if (free_slots_.empty()) {
    added->slot = static_cast<uint32_t>(directories_.size());
    directories_.push_back(std::move(directory));
  } else {
    added->slot = free_slots_.back();
    free_slots_.pop_back();
    directories_[added->slot] = std::move(directory);
  }
  added->rules = RulesAbove(*added);
  pending_.push_back(added->slot);
  return added;
}

// The parent's list of children is the caller's. Without `report` its files
// stay in the digest, on the root's account.
void Tree::RemoveDirectory(Directory* top, bool report) {
  Root& root = roots_[top->root];
  if (root.directory == top) root.directory = nullptr;
  std::vector<Directory*> all = {top};
  for (size_t i = 0; i < all.size(); ++i) {
    Directory* const directory = all[i];
    all.insert(all.end(), directory->children.begin(),
               directory->children.end());
    for (Entry& entry : directory->entries) {
      if (report) {
        entry.quiet = entry.quiet || top->quiet;
        Update(directory, &entry, 0);
      } else if (entry.stamp != 0) {
        const std::string_view name(directory->names.data() + entry.name);
        root.gone_digest +=
            DigestOf(PathHash(directory->path_hash, name), entry.stamp);
      }
    }
  }
  for (Directory* const directory : all) {
    const uint32_t slot = directory->slot;
    if (directory->fd.valid() && directory->parent != nullptr) --open_;
    Unwatch(directory);
    --not_covered_;
    rules_before_.erase(slot);
    directories_[slot].reset();
    free_slots_.push_back(slot);
  }
}

// Another directory stands there now; what is the same in it has not changed.
// `fd` is that of a root's own.
void Tree::ReplaceDirectory(Directory* directory, UniqueFd fd) {
  if (directory->fd.valid() && directory->parent != nullptr) --open_;
  Unwatch(directory);
  directory->fd = std::move(fd);
  directory->inode = 0;
  directory->skipped = false;
  directory->racy = true;
  pending_.push_back(directory->slot);
}

// From the nearest directory above that is open; after Rest none is.
Tree::Handle Tree::Open(Directory* directory) {
  std::vector<const Directory*> closed;
  Directory* at = directory;
  for (; !at->fd.valid() && at->parent != nullptr; at = at->parent) {
    closed.push_back(at);
  }
  if (!at->fd.valid()) {
    at->fd.reset(::open(roots_[at->root].access.c_str(), kOpenFlags));
    opened_.push_back(at->slot);
  }
  Handle handle;
  handle.fd = at->fd.get();
  if (handle.fd < 0) return handle;
  for (auto next = closed.rbegin(); next != closed.rend(); ++next) {
    UniqueFd fd(::openat(handle.fd, (*next)->name.c_str(),
                         kOpenFlags | ((*next)->follow ? 0 : O_NOFOLLOW)));
    const int error = errno;  // closing the one above may change it
    handle.fd = fd.get();
    handle.owned = std::move(fd);
    errno = error;
    if (handle.fd < 0) break;
  }
  return handle;
}

void Tree::KeepOpen(Directory* directory, Handle* handle) {
  if (!handle->owned.valid() || open_ >= max_open_) return;
  directory->fd = std::move(handle->owned);
  opened_.push_back(directory->slot);
  ++open_;
}

void Tree::Rest() {
  for (const uint32_t slot : opened_) {
    if (directories_[slot] != nullptr) directories_[slot]->fd.reset();
  }
  opened_.clear();
  open_ = 0;
}

// Depth first, so that the file system finds what it needs still warm.
void Tree::VisitPending() {
  while (!pending_.empty()) {
    complete_ = complete_ && directories_.size() <= max_directories_;
    if (!complete_) return pending_.clear();
    Directory* const directory = directories_[pending_.back()].get();
    pending_.pop_back();
    if (directory == nullptr) continue;
    if (base_line_ && progress_ && directory->slot % kProgressStep == 0) {
      progress_();
    }
    Visit(directory, /*only_dirty=*/false);
  }
}

void Tree::Visit(Directory* directory, bool only_dirty) {
  directory->seen = sweep_;
  if (directory->skipped) return;
  if (alarm_ != nullptr) alarm_->Step(roots_[directory->root].given.c_str());
  Handle handle = Open(directory);
  // Before the stamp is read: a change after that has a later time.
  const int64_t now = WallClock();
  struct stat st;
  if (handle.fd < 0 || ::fstat(handle.fd, &st) != 0) {
    CannotRead(directory, errno);
    return;
  }
  const bool first = directory->inode == 0;
  if (!first &&
      (st.st_dev != directory->device || st.st_ino != directory->inode)) {
    // Its path means another one by now, which nothing watches yet. What was
    // replaced above is found when that is looked into.
    handle = Handle();
    ReplaceDirectory(directory, UniqueFd());
    return;
  }
  directory->device = st.st_dev;
  directory->inode = st.st_ino;
  directory->hash = directory->hash ||
                    volume_parts_.contains(std::pair(st.st_dev, st.st_ino));
  // Its entries may be listed already, and the next listing may fail.
  if (directory->hash) directory->read_at.resize(directory->entries.size());
  if (first && !Enters(*directory, handle.fd)) {
    directory->skipped = true;
    SetCovered(true, &directory->covered);
    return;
  }
  if (first) file_systems_.Meet(directory->device, handle.fd);
  if (announcer_ != nullptr && announcer_->is_open() && directory->watch < 0 &&
      more_watches_ && Watch(directory, handle.fd)) {
    // What changed before that was announced by nobody.
    only_dirty = false;
    if (::fstat(handle.fd, &st) != 0) return CannotRead(directory, errno);
  }
  KeepOpen(directory, &handle);
  if (FilterOf(*directory).ignore_files()) ReadRules(directory, handle.fd);
  const uint64_t stamp = ReadStampOf(st);
  if (!base_line_ && stamp != directory->stamp) MarkDirty(directory);
  if (stamp != directory->stamp || directory->racy) {
    directory->stamp = stamp;
    directory->racy = IsYoung(st, now);
    ReadAgain(directory, handle.fd);
  }
  for (Entry& entry : directory->entries) {
    if (only_dirty && !entry.dirty && entry.stamp != 0) continue;
    LookAt(directory, handle.fd, &entry);
  }
}

bool Tree::Enters(const Directory& directory, int fd) const {
  if (directory.parent == nullptr) return true;  // the user has named it
  // /dev is mostly a tmpfs, which is otherwise worth watching.
  if (std::pair(directory.device, directory.inode) == dev_) return false;
  return directory.device == directory.parent->device ||
         !IsPseudoFileSystem(fd);
}

void Tree::ReadAgain(Directory* directory, int fd) {
  const Filter::Place place = PlaceOf(*directory);
  Listing listing;
  if (!ReadListing(fd, FilterOf(*directory), place, &listing)) {
    // Half a list would look like removed files.
    CannotRead(directory, errno);
    return;
  }
  if (Outdated(directory)) return;
  if (listing.is_environment && !FilterOf(*directory).EntersEnvironment(place))
    listing = {};
  if (listing.is_volume && compare_ == WatchCompare::kAuto) {
    directory->hash = true;
  }
  const std::optional<Filter::Place> before = TakePlaceBefore(*directory);
  if (before.has_value()) HideQuietly(directory, place);
  MergeFiles(directory, std::move(listing.files));
  MergeDirectories(directory, fd, listing.directories);
  if (before.has_value() || directory->quiet) ShowQuietly(directory, before);
}

void Tree::MergeFiles(Directory* directory, NameList found) {
  std::vector<Entry> merged(found.size());
  std::vector<uint64_t> read_at(directory->hash ? found.size() : 0);
  directory->read_at.resize(directory->hash ? directory->entries.size() : 0);
  size_t i = 0;
  std::vector<Entry>& known = directory->entries;
  for (size_t j = 0; j < found.size(); ++j) {
    merged[j].name = found.offsets[j];
    int order = 1;
    for (; i < known.size(); ++i) {
      order =
          std::strcmp(directory->names.data() + known[i].name, found.name(j));
      if (order >= 0) break;
      Update(directory, &known[i], 0);
    }
    if (i < known.size() && order == 0) {
      merged[j].stamp = known[i].stamp;
      merged[j].dirty = known[i].dirty;
      merged[j].link = known[i].link;
      merged[j].quiet = known[i].quiet;
      if (directory->hash) read_at[j] = directory->read_at[i];
      ++i;
    }
  }
  for (; i < known.size(); ++i) Update(directory, &known[i], 0);
  found.bytes.shrink_to_fit();
  directory->names = std::move(found.bytes);
  directory->entries = std::move(merged);
  directory->read_at = std::move(read_at);
}

void Tree::MergeDirectories(Directory* directory, int fd,
                            const NameList& found) {
  std::vector<Directory*> merged;
  merged.reserve(found.size());
  auto known = directory->children.begin();
  const auto end = directory->children.end();
  for (size_t j = 0; j < found.size(); ++j) {
    for (; known != end && (*known)->name < found.name(j); ++known) {
      RemoveDirectory(*known, /*report=*/true);
    }
    if (known != end && (*known)->name == found.name(j)) {
      Directory* const child = *known++;
      merged.push_back(child);
      if (!StillThere(*child, fd)) ReplaceDirectory(child, UniqueFd());
      continue;
    }
    Directory* const added =
        AddDirectory(&roots_[directory->root], directory, found.name(j));
    added->follow = added->name == kVolumeData;
    merged.push_back(added);
  }
  for (; known != end; ++known) RemoveDirectory(*known, /*report=*/true);
  directory->children = std::move(merged);
}

// Whether the name still means the directory that we know (and may hold open).
bool Tree::StillThere(const Directory& child, int parent_fd) const {
  if (child.inode == 0) return true;  // we never got into it
  struct stat st;
  return ::fstatat(parent_fd, child.name.c_str(), &st,
                   child.follow ? 0 : AT_SYMLINK_NOFOLLOW) == 0 &&
         st.st_dev == child.device && st.st_ino == child.inode;
}

// Whether it belongs to a version of a volume that has been exchanged, and
// which the kubelet is removing: its files have not changed, they are
// elsewhere.
bool Tree::Outdated(const Directory* directory) {
  while (directory != nullptr && !directory->follow) {
    directory = directory->parent;
  }
  if (directory == nullptr) return false;
  const Handle above = Open(directory->parent);
  if (above.fd < 0 || StillThere(*directory, above.fd)) return false;
  directory->parent->racy = true;
  MarkDirty(directory->parent);
  return true;
}

void Tree::LookAt(Directory* directory, int fd, Entry* entry) {
  if (alarm_ != nullptr) alarm_->Step();
  const char* const name = directory->names.data() + entry->name;
  struct stat st;
  if (::fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
    entry->link = false;
    if (errno == ENOENT) {
      directory->racy = true;
      if (!Outdated(directory)) Update(directory, entry, 0);
    } else {
      CannotRead(directory, errno);
    }
    return;
  }
  if (st.st_dev != directory->device) file_systems_.MeetStray(st.st_dev);
  const bool by_content = directory->hash || volume_parts_.contains(std::pair(
                                                 st.st_dev, st.st_ino));
  Stamps stamps;  // none: a directory or a special file by now
  if (S_ISREG(st.st_mode)) {
    stamps.state = StampOf(st);
    if (by_content) stamps.read = ReadStampOf(st);
  } else if (S_ISLNK(st.st_mode)) {
    if (directory->covered && !entry->link) WatchLink(directory, fd, entry);
    stamps = {StampOf(st), ReadStampOf(st)};
    struct stat target;
    if (::fstatat(fd, name, &target, 0) == 0) {
      // Of a directory only which one it is: `..data` of a ConfigMap.
      const bool is_directory = S_ISDIR(target.st_mode);
      const uint64_t which = MixIn(target.st_dev, target.st_ino);
      stamps.state =
          MixIn(stamps.state, is_directory ? which : StampOf(target));
      stamps.read =
          MixIn(stamps.read, is_directory ? which : ReadStampOf(target));
      if (Nanoseconds(target.st_ctim) > Nanoseconds(st.st_ctim)) {
        st.st_ctim = target.st_ctim;
      }
    }
    stamps.state |= 1;  // never 0
  } else if (S_ISDIR(st.st_mode)) {
    directory->racy = true;
  }
  if (!S_ISLNK(st.st_mode)) entry->link = false;
  uint64_t stamp = stamps.state;
  if (stamp != 0 && by_content) {
    stamps.young = IsYoung(st, WallClock());
    stamp = StampOfContent(directory, fd, *entry, stamps);
  }
  Update(directory, entry, stamp, base_line_ && stamp != 0 && IsLate(st),
         S_ISREG(st.st_mode) && st.st_size == 0);
}

// A hash of what is in it, which is read only if `stamps.read` is another than
// when it was read last.
uint64_t Tree::StampOfContent(Directory* directory, int fd, const Entry& entry,
                              const Stamps& stamps) {
  const std::string_view name = directory->names.data() + entry.name;
  uint64_t& read_at =
      directory->hash
          ? directory
                ->read_at[static_cast<size_t>(&entry - &directory->entries[0])]
          : part_read_at_[PathHash(directory->path_hash, name)];
  if (stamps.read == read_at && entry.stamp != 0) return entry.stamp;
  uint64_t hash = 0;
  if (HashContent(fd, name.data(), progress_, &hash)) {
    read_at = stamps.young ? 0 : stamps.read;
    return hash;
  }
  if (errno == EACCES && (entry.stamp == 0 || entry.stamp == read_at)) {
    // It could never be read.
    if (entry.stamp == 0) {
      findings_.Warn(absl::StrCat("cannot read ", roots_[directory->root].given,
                                  "/", PathBelowRoot(directory, name), ": ",
                                  std::strerror(EACCES),
                                  ": compared by time and size instead"));
    }
    read_at = stamps.state;
    return stamps.state;
  }
  // A link to something else is compared as ever. What cannot be read just now
  // is what it was, and read when its stamp changes.
  const bool no_file = errno == EINVAL || errno == ENOENT || errno == ELOOP;
  return no_file || entry.stamp == 0 ? stamps.state : entry.stamp;
}

// What is known of it stays as it is, and the next look tries again.
void Tree::CannotRead(Directory* directory, int error) {
  directory->racy = true;
  // It was removed or replaced meanwhile, which the one above will show.
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) return;
  // The one above announces when that changes, but of what `..data` leads to
  // only by its own name.
  if (error == EACCES && directory->parent != nullptr && !directory->follow) {
    SetCovered(directory->parent->covered, &directory->covered);
  }
  if (std::exchange(directory->warned, true)) return;
  const Root& root = roots_[directory->root];
  std::string path = root.given;
  if (directory->parent != nullptr) {
    absl::StrAppend(&path, "/",
                    PathBelowRoot(directory->parent, directory->name));
  }
  findings_.Warn(
      absl::StrCat("cannot read ", path, ": ", std::strerror(error)));
}

}  // namespace reinit
