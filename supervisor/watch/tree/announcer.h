// Maps inotify events to the directories and paths to look at again.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_ANNOUNCER_H_
#define REINIT_SUPERVISOR_WATCH_TREE_ANNOUNCER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/tree/inotify.h"
#include "supervisor/watch/tree/save_sequence.h"

namespace reinit {

// Knows directories, of which every change is wanted, and paths, which may come
// to mean something else where any name on the way is replaced. Directories are
// watched, never files, so a file that is replaced is still watched. Owned by
// Tree; one thread.
class Announcer {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // Something about `name` in this directory; empty: about itself. `lost`: it
    // is not watched any more.
    virtual void OnDirectory(uint32_t directory, std::string_view name,
                             bool is_directory, bool lost) = 0;
    // What this path means may have changed: look, and watch it anew.
    virtual void OnPath(uint64_t path) = 0;
    // The queue ran over: anything may have changed.
    virtual void OnOverflow() = 0;
  };
  struct Way {
    int error = 0;          // errno of a directory that could not be watched
    bool has_data = false;  // leads through a volume's `..data`
  };

  // 0 or errno.
  int Open() { return inotify_.Open(); }
  // Else every watch is refused, and paths are only followed.
  bool is_open() const { return inotify_.is_open(); }
  int fd() const { return inotify_.fd(); }

  // Returns a watch, or -errno. Watched from here on: look at it afterwards.
  int WatchDirectory(uint32_t directory, int fd);
  void ForgetDirectory(uint32_t directory, int watch);

  // Watches each directory on the way from `start` along `path`, through every
  // symlink, to what it means now, or as far as there is something.
  Way WatchPath(uint64_t path_id, UniqueFd start, std::string_view path);
  void ForgetPath(uint64_t path_id);

  void Read(Listener* listener);

  // What has been read, as far as it is about something known here.
  const SaveSequence& save() const { return save_; }

  size_t watches() const { return watched_.size(); }

 private:
  struct Name {
    uint64_t hash;
    uint64_t path_id;
    bool operator==(const Name&) const = default;
  };
  struct Watched {
    absl::InlinedVector<uint32_t, 2> directories;
    std::vector<Name> names;
  };

  UniqueFd WatchItself(uint64_t path_id, int at, const std::string& name);
  int WatchName(uint64_t path_id, int fd, std::string_view name, uint32_t mask);
  void DropIfUnused(int watch);

  Inotify inotify_;
  SaveSequence save_;
  absl::flat_hash_map<int, Watched> watched_;
  absl::flat_hash_map<uint64_t, std::vector<int>> paths_;  // their watches
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_ANNOUNCER_H_
