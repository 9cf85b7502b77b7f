// A picture of everything watched, kept up to date by looking again.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_H_
#define REINIT_SUPERVISOR_WATCH_TREE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/filter.h"
#include "supervisor/watch/listing.h"

namespace reinit {

// Holds the stamps of all files below the watched roots, and says which differ
// when it looks again. A sweep costs one fstatat a file, by name relative to an
// open directory; a directory is only read again if its own stamp has changed.
// Some 40 bytes a file. No recursion: a tree may be deeper than PATH_MAX.
//
// Counted are regular files and symlinks: new, removed, replaced, or of another
// stamp. A symlink counts with what it points to (if that is a directory, only
// with which one). Directories as such do not count: their stamps move with
// every editor's temporary file, and an empty one changes nothing.
//
// A root is followed if it is a symlink and looked up by its path each time, so
// a replaced, removed or returned root is noticed. Symlinks below are not
// descended into, nor are /dev, /proc, /sys and their like.
//
// Owned by the watch helper; one thread. Every call may block for as long as
// the file system does.
class Tree {
 public:
  struct Options {
    std::vector<std::string> roots;  // as the user wrote them
    Filter filter;
    // What changed after this instant (CLOCK_REALTIME) is a change even in the
    // first look, which came too late to see it happen.
    std::optional<timespec> since = std::nullopt;
    // Descriptors kept open; directories beyond are opened for each look.
    size_t max_open_directories = 0;
  };
  struct RootEvent {
    bool gone = false;  // else it is back
    std::string path;   // as the user wrote it
  };
  struct Changes {
    size_t count = 0;  // different paths
    // One of them, below the root as the user wrote it; hidden ones last.
    std::string first;
  };

  explicit Tree(Options options);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree();

  // The first look: all that is found is the base line. Call once.
  void Scan();
  // Compares everything with the last look.
  void Sweep();
  // Compares only the directories and files that changed since TakeChanges.
  void Recheck();

  // Grows with every difference found, that of a path found before included.
  uint64_t revision() const { return revision_; }
  // What has been found since the last call. Files that differ from the base
  // line are part of the base line from the moment they are found.
  Changes TakeChanges();
  bool changed() const { return !changed_.empty(); }

  // A root has to be missing in two looks to be reported, since some tools
  // replace by removing first. Until it is back its files are neither changed
  // nor forgotten; once it is back all in it counts as changed.
  std::vector<RootEvent> TakeRootEvents();
  // One line each, about what cannot be read; bounded.
  std::vector<std::string> TakeWarnings();

  // Of all paths and stamps; equal for an equal state in any process.
  uint64_t digest() const { return digest_; }
  size_t files() const;
  size_t directories() const;
  size_t MemoryUsed() const;  // bytes, of our own structures

 private:
  struct Entry {
    uint64_t stamp = 0;  // 0: not there
    uint32_t name = 0;   // offset in Directory::names
    bool dirty = false;  // Recheck looks at it
  };
  struct Directory {
    uint32_t slot = 0;
    uint32_t root = 0;
    Directory* parent = nullptr;  // null: the root's own
    std::string name;             // empty for the root's own
    uint64_t path_hash = 0;
    UniqueFd fd;  // invalid: opened for each look
    dev_t device = 0;
    ino_t inode = 0;     // 0: never looked into
    uint64_t stamp = 0;  // its own, when it was last read
    uint64_t seen = 0;   // the sweep that has looked into it
    // The stamp is so young that a change in the same tick of the file system's
    // clock would not show: read again next time, as git does.
    bool racy = false;
    bool skipped = false;  // of a kind that is never entered
    bool warned = false;
    bool dirty = false;
    std::string names;
    std::vector<Entry> entries;        // sorted by name
    std::vector<Directory*> children;  // sorted by name
  };
  struct Root {
    std::string given;
    std::string access;  // absolute: a directory above may be replaced
    uint64_t path_hash = 0;
    uint64_t stamp = 0;  // of a file or link; a directory's is constant
    Directory* directory = nullptr;
    int misses = 0;
    bool gone = false;
    bool warned = false;
    uint64_t gone_digest = 0;  // what it still adds to digest_ while gone
  };
  // A descriptor that is borrowed, or opened just for this look.
  struct Handle {
    int fd = -1;
    UniqueFd owned;
  };

  // Roots (tree.cc).
  void CheckRoot(Root* root);
  void RootMissing(Root* root);
  void RootFound(Root* root, uint64_t stamp, const struct stat& st);
  void SetRootStamp(Root* root, uint64_t stamp);
  void FollowRootDirectory(Root* root, const struct stat& st);

  // Directories (tree_visit.cc).
  Directory* AddDirectory(Root* root, Directory* parent, std::string_view name);
  void RemoveDirectory(Directory* top, bool report);
  Handle Open(Directory* directory);
  void KeepOpen(Directory* directory, Handle* handle);
  void VisitPending();
  void Visit(Directory* directory, bool only_dirty);
  bool Enters(const Directory& directory, int fd) const;
  void ReadAgain(Directory* directory, int fd);
  void MergeFiles(Directory* directory, NameList found);
  void MergeDirectories(Directory* directory, int fd, const NameList& found);
  bool StillThere(const Directory& child, int parent_fd) const;
  void LookAt(Directory* directory, int fd, Entry* entry);
  void CannotRead(Directory* directory, int error);

  // What is found (tree.cc).
  bool IsLate(const struct stat& st) const;
  void Update(Directory* directory, Entry* entry, uint64_t stamp,
              bool late = false);
  void MarkDirty(Directory* directory);
  void ClearDirty();
  void Report(uint64_t path_hash, const Root& root, const Directory* directory,
              std::string_view name);
  std::string PathBelowRoot(const Directory* directory,
                            std::string_view name) const;
  void Warn(std::string line);

  const Filter filter_;
  const std::optional<timespec> since_;
  const size_t max_open_;
  size_t open_ = 0;
  std::vector<Root> roots_;  // as long as Options::roots, never moved
  // Slots are reused; null: free. Directories hold each other by pointer.
  std::vector<std::unique_ptr<Directory>> directories_;
  std::vector<uint32_t> free_slots_;
  std::vector<Directory*> pending_;  // new ones, not yet visited
  std::vector<uint32_t> dirty_;      // slots that Recheck looks at
  dev_t dev_device_ = 0;             // of /dev itself
  ino_t dev_inode_ = 0;

  uint64_t sweep_ = 0;
  bool base_line_ = false;  // during Scan only what is late is a change
  uint64_t digest_ = 0;
  uint64_t revision_ = 0;
  absl::flat_hash_set<uint64_t> changed_;  // path hashes
  std::string first_;
  bool first_hidden_ = false;
  int first_tries_ = 0;
  std::vector<RootEvent> events_;
  std::vector<std::string> warnings_;
  int warned_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_H_
