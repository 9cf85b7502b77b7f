#include "supervisor/watch/tree/announcer.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "supervisor/watch/tree/listing.h"
#include "supervisor/watch/tree/stamp.h"

namespace reinit {
namespace {

// Which name means what.
constexpr uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                            IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
                            IN_MOVE_SELF;
// And what is in it.
constexpr uint32_t kContents = kNames | IN_MODIFY | IN_CLOSE_WRITE;

// That it goes.
constexpr uint32_t kItself = IN_DELETE_SELF | IN_MOVE_SELF;

constexpr int kOpenDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kTries = 3;
// The kernel's own limit.
constexpr int kMaxLinks = 40;

std::vector<std::string> Parts(std::string_view path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

}  // namespace

int Announcer::WatchDirectory(uint32_t directory, int fd) {
  const int watch = inotify_.Add(fd, kContents);
  if (watch < 0) return watch;
  auto& directories = watched_[watch].directories;
  if (std::find(directories.begin(), directories.end(), directory) ==
      directories.end()) {
    directories.push_back(directory);
  }
  return watch;
}

void Announcer::ForgetDirectory(uint32_t directory, int watch) {
  const auto found = watched_.find(watch);
  if (found == watched_.end()) return;
  auto& directories = found->second.directories;
  directories.erase(
      std::remove(directories.begin(), directories.end(), directory),
      directories.end());
  DropIfUnused(watch);
}

Announcer::Way Announcer::WatchPath(uint64_t path_id, UniqueFd start,
                                    std::string_view path) {
  Way way;
  UniqueFd at = std::move(start);
  const auto from_root = [] {
    return UniqueFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  };
  if (absl::StartsWith(path, "/")) at = from_root();
  std::vector<std::string> rest = Parts(path);
  std::reverse(rest.begin(), rest.end());
  for (int links = 0; !rest.empty() && at.valid();) {
    const std::string name = std::move(rest.back());
    rest.pop_back();
    if (name == kVolumeData) way.has_data = true;
    // A directory tells itself when it goes, which is quieter than to hear of
    // every name that comes and goes beside it, as in /tmp.
    UniqueFd next = WatchItself(path_id, at.get(), name);
    if (next.valid()) {
      at = std::move(next);
      continue;
    }
    const int error = WatchName(path_id, at.get(), name, kNames);
    // Further up a change is rare, and the safety scan finds it.
    if (error != 0 && (error != EACCES || rest.empty())) way.error = error;
    next.reset(::openat(at.get(), name.c_str(), kOpenDirectory));
    char target[PATH_MAX];
    const ssize_t size =
        ::readlinkat(at.get(), name.c_str(), target, sizeof(target));
    if (size <= 0) {
      // A file, or to become one: who writes it is wanted too.
      if (rest.empty() && !next.valid() && error == 0) {
        WatchName(path_id, at.get(), name, kContents);
      }
      at = std::move(next);
      continue;
    }
    if (++links > kMaxLinks) break;
    const std::string_view text(target, static_cast<size_t>(size));
    if (absl::StartsWith(text, "/")) at = from_root();
    std::vector<std::string> parts = Parts(text);
    rest.insert(rest.end(), std::make_move_iterator(parts.rbegin()),
                std::make_move_iterator(parts.rend()));
  }
  return way;
}

// Returns the directory that `name` means; invalid if there is none, or it
// could not be watched.
UniqueFd Announcer::WatchItself(uint64_t path_id, int at,
                                const std::string& name) {
  if (name == "..") return UniqueFd(::openat(at, "..", kOpenDirectory));
  for (int i = 0; i < kTries; ++i) {
    UniqueFd fd(::openat(at, name.c_str(), kOpenDirectory));
    struct stat watched;
    struct stat named;
    if (!fd.valid()) break;
    if (WatchName(path_id, fd.get(), "", kItself) != 0) break;
    // It may have been replaced before it was watched.
    if (::fstat(fd.get(), &watched) == 0 &&
        ::fstatat(at, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        watched.st_ino == named.st_ino && watched.st_dev == named.st_dev) {
      return fd;
    }
  }
  return UniqueFd();
}

int Announcer::WatchName(uint64_t path_id, int fd, std::string_view name,
                         uint32_t mask) {
  // These two are never replaced.
  if (name == "." || name == "..") return 0;
  const int watch = inotify_.Add(fd, mask);
  if (watch < 0) return -watch;
  const Name wanted = {PathHash(0, name), path_id};
  std::vector<Name>& names = watched_[watch].names;
  if (std::find(names.begin(), names.end(), wanted) == names.end()) {
    names.push_back(wanted);
  }
  std::vector<int>& watches = paths_[path_id];
  if (std::find(watches.begin(), watches.end(), watch) == watches.end()) {
    watches.push_back(watch);
  }
  return 0;
}

void Announcer::ForgetPath(uint64_t path_id) {
  const auto found = paths_.find(path_id);
  if (found == paths_.end()) return;
  const std::vector<int> watches = std::move(found->second);
  paths_.erase(found);
  for (const int watch : watches) {
    const auto watched = watched_.find(watch);
    if (watched == watched_.end()) continue;
    std::vector<Name>& names = watched->second.names;
    names.erase(std::remove_if(names.begin(), names.end(),
                               [path_id](const Name& name) {
                                 return name.path_id == path_id;
                               }),
                names.end());
    DropIfUnused(watch);
  }
}

void Announcer::DropIfUnused(int watch) {
  const auto found = watched_.find(watch);
  if (!found->second.directories.empty() || !found->second.names.empty()) {
    return;
  }
  watched_.erase(found);
  inotify_.Remove(watch);
}

void Announcer::Read(Listener* listener) {
  const absl::Time now = MonotonicClock().Now();
  inotify_.Read([this, listener, now](const Inotify::Event& event) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      save_.OnEvent(event, now);
      listener->OnOverflow();
      return;
    }
    const auto found = watched_.find(event.watch);
    if (found == watched_.end()) return;  // forgotten in the meantime
    const bool lost = (event.mask & IN_IGNORED) != 0;
    const bool is_directory = (event.mask & IN_ISDIR) != 0;
    const uint64_t hash = PathHash(0, event.name);
    // First of all, since a listener may forget what is being read here.
    absl::InlinedVector<uint64_t, 4> paths;
    for (const Name& name : found->second.names) {
      if (lost || event.name.empty() || name.hash == hash) {
        paths.push_back(name.path_id);
      }
    }
    const auto directories = found->second.directories;
    if (!directories.empty() || !paths.empty()) save_.OnEvent(event, now);
    if (lost) watched_.erase(found);
    for (const uint32_t directory : directories) {
      listener->OnDirectory(directory, event.name, is_directory, lost);
    }
    for (const uint64_t path : paths) listener->OnPath(path);
  });
}

}  // namespace reinit
