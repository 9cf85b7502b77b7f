// Keeps a picture of everything watched, by looking where it changed.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_TREE_H_
#define REINIT_SUPERVISOR_WATCH_TREE_TREE_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/filter/filter.h"
#include "supervisor/watch/filter/ignore_rules.h"
#include "supervisor/watch/tree/announcer.h"
#include "supervisor/watch/tree/file_systems.h"
#include "supervisor/watch/tree/findings.h"
#include "supervisor/watch/tree/listing.h"
#include "supervisor/watch/tree/look_alarm.h"

namespace reinit {

// Holds the stamps of all files below the watched roots, and says which differ
// when it looks again. A sweep costs one fstatat a file, by name relative to an
// open directory; a directory is only read again if its own stamp has changed.
// Some 40 bytes a file. No recursion: a tree may be deeper than PATH_MAX.
//
// Counted are regular files and symlinks: new, removed, replaced, or of another
// stamp (stamp.h), in which the ctime plays no part: metadata that is set to
// what it was is no change, and neither is the end of another hard link.
// Rewritten in place with the same size and mtime, a file is only found changed
// by its content. A symlink counts with what it points to (if that is a
// directory, only with which one). Directories as such do not count: their
// stamps move with every editor's temporary file, and an empty one changes
// nothing.
//
// A root is followed if it is a symlink and looked up by its path each time, so
// a replaced, removed or returned root is noticed. Symlinks below are not
// descended into, but for the `..data` of a Kubernetes volume, nor are /dev,
// /proc, /sys and their like. What a changed .gitignore hides or shows is no
// change.
//
// With an announcer each directory is watched before it is looked into, so what
// changes afterwards is announced, and LookAnnounced looks there alone. What is
// not covered (the file system announces nothing, or watches have run out) must
// be swept; so must everything now and then, since not all is announced:
// changes made behind a network file system, or through a mapping.
//
// Owned by the watch helper; one thread. Every call may block for as long as
// the file system does.
class Tree : private Announcer::Listener {
 public:
  // kRecent: of what is not covered, the folders that changed last, kMaxRecent
  // at most.
  enum class Scope { kAll, kNotCovered, kRecent };
  static constexpr size_t kMaxRecent = 16;
  struct Options {
    std::vector<std::string> roots;  // as the user wrote them
    // Absolute: what relative ones begin at; empty: the working directory.
    std::string base = {};
    Filter filter;
    WatchCompare compare = WatchCompare::kAuto;
    // Files and folders of Kubernetes volumes that are mounted by themselves
    // (subPath): kAuto compares their contents.
    std::vector<std::string> volume_parts = {};
    // Borrowed; null, or not open: everything is swept.
    Announcer* announcer = nullptr;
    // What changed after this instant (CLOCK_REALTIME) is a change even in the
    // first look, which came too late to see it happen.
    std::optional<timespec> since = std::nullopt;
    // Descriptors kept open until Rest; directories beyond are opened and
    // closed again.
    size_t max_open_directories = 0;
    // Told of each step; borrowed, may be null.
    LookAlarm* alarm = nullptr;
    // Called now and then during Scan; may be empty.
    std::function<void()> progress = nullptr;
    // Scan goes into no more than this; then complete() is false.
    size_t max_directories = std::numeric_limits<size_t>::max();
  };
  explicit Tree(Options options);
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() override;

  // The first look: all that is found is the base line. Call once.
  void Scan();
  // Compares everything in `scope` with the last look.
  void Sweep(Scope scope = Scope::kAll);
  // Compares only the directories and files that changed since TakeChanges.
  void Recheck();
  // Takes in what is announced and compares that, and what Recheck does.
  void LookAnnounced();

  // Lets go of every directory, so that what they are on can be unmounted; the
  // next look opens them again. To be called before waiting.
  void Rest();

  // Compares everything, and notes what had not been announced. Should it still
  // not be at TakeSilent, a file that was found so is returned. Its file system
  // is swept from then on, but for a disk's own: there it was a write through a
  // mapping, or by another name (hard link), and audits go on finding those.
  void Audit();
  struct Silent {
    std::string file;  // empty: none
    bool swept = false;
  };
  Silent TakeSilent();

  // Those of all that is watched and was looked at.
  const FileSystems& file_systems() const { return file_systems_; }

  // Whether there is something that must be swept.
  bool Sweeps() const { return not_covered_ > 0; }
  // Whether a root is missing, and the next sweep decides if it is gone.
  bool MissesRoot() const;
  // errno of the last directory for which no watch was to be had; or 0.
  int watch_error() const { return watch_error_; }

  // Grows with every difference found, that of a path found before included.
  uint64_t revision() const { return findings_.revision(); }
  // What has been found since the last call, with at most so many names. Files
  // that differ from the base line are part of the base line from the moment
  // they are found.
  FoundChanges TakeChanges(size_t max_names = 0);
  const Findings& findings() const { return findings_; }

  // A root has to be missing in two sweeps to be reported, since some tools
  // replace by removing first. Until it is back its files are neither changed
  // nor forgotten; once it is back all in it counts as changed.
  std::vector<RootEvent> TakeRootEvents() { return findings_.TakeRootEvents(); }
  // One line each, about what cannot be read; bounded.
  std::vector<std::string> TakeWarnings() { return findings_.TakeWarnings(); }

  // Of all paths and stamps; equal for an equal state in any process.
  uint64_t digest() const { return digest_; }
  size_t files() const;
  size_t directories() const;
  // Folders among the roots in which there is nothing to watch.
  std::vector<std::string> EmptyRoots() const;
  bool complete() const { return complete_; }
  // Those that hold most files themselves, with how many, below the root as
  // given; the largest first.
  std::vector<std::pair<std::string, size_t>> LargestDirectories(
      size_t count) const;
  size_t MemoryUsed() const;  // bytes, of our own structures

 private:
  struct Entry {
    uint64_t stamp = 0;  // 0: not there; a hash of its content if so compared
    uint32_t name = 0;   // offset in Directory::names
    bool dirty = false;  // Recheck looks at it
    bool link = false;   // and what it means is watched
    bool quiet = false;  // its next difference is no change: rules have changed
  };
  struct Directory {
    uint32_t slot = 0;
    uint32_t root = 0;
    Directory* parent = nullptr;  // null: the root's own
    std::string name;             // empty for the root's own
    uint64_t path_hash = 0;
    // With .gitignore files: those that count here, and the stamp of its own.
    std::shared_ptr<const IgnoreRules> rules;
    uint64_t rules_stamp = 0;
    UniqueFd fd;  // invalid: opened for each look
    dev_t device = 0;
    ino_t inode = 0;     // 0: never looked into
    uint64_t stamp = 0;  // its own, when it was last read
    uint64_t seen = 0;   // the sweep that has looked into it
    int watch = -1;
    uint64_t watched_since = 0;  // the sweep that has set the watch
    bool covered = false;        // its changes are announced
    bool follow = false;         // its name is a link: `..data`
    bool hash = false;           // its files are compared by content
    // The stamp is so young that a change in the same tick of the file system's
    // clock would not show: read again next time, as git does.
    bool racy = false;
    bool skipped = false;  // of a kind that is never entered
    bool warned = false;
    bool dirty = false;
    bool quiet = false;  // rules have changed: what is in it is no change
    std::string names;
    std::vector<Entry> entries;  // sorted by name
    // With hash: Stamps::read of what was read; 0 where that was so young that
    // a change in the same tick would not show: read again next time.
    std::vector<uint64_t> read_at;
    std::vector<Directory*> children;  // sorted by name
  };
  struct Root {
    explicit Root(Filter of_root) : filter(std::move(of_root)) {}
    Filter filter;
    std::string given;
    std::string access;  // absolute: a directory above may be replaced
    uint64_t path_hash = 0;
    uint64_t stamp = 0;    // of a file or link; a directory's is constant
    uint64_t read_at = 0;  // with hash: stamp of what was read
    bool hash = false;
    std::shared_ptr<const IgnoreRules> rules_above;  // of its repository
    bool covered = false;  // changes of what it means are announced
    bool moved = true;     // they were: watch its path anew
    bool silent = false;   // an audit found a change not yet announced
    Directory* directory = nullptr;
    int misses = 0;
    bool gone = false;
    bool warned = false;
    uint64_t gone_digest = 0;  // what it still adds to digest_ while gone
  };
  // Of one look at a path.
  struct Stamps {
    uint64_t state = 0;  // what counts where content is not compared
    uint64_t read = 0;   // differs where its content has to be read again
    bool young = false;  // `read` may not show a change right after it
  };
  // A descriptor that is borrowed, or opened just for this look.
  struct Handle {
    int fd = -1;
    UniqueFd owned;
  };

  // Announcements (tree_announced.cc).
  void OnDirectory(uint32_t slot, std::string_view name, bool is_directory,
                   bool lost) override;
  void OnPath(uint64_t path) override;
  void OnOverflow() override { sweep_due_ = true; }
  void WatchRoot(Root* root);
  bool Watch(Directory* directory, int fd);
  void Unwatch(Directory* directory);
  void WatchLink(Directory* directory, int fd, Entry* entry);
  void SetCovered(bool covered, bool* member);
  bool TargetAnnounces(int at, const char* path);

  // Roots (tree.cc).
  void CheckRoot(Root* root, bool sweep);
  uint64_t RootStamp(Root* root, const struct stat& link,
                     const struct stat& st);
  void RootMissing(Root* root, bool sweep);
  void RootFound(Root* root, uint64_t stamp, const struct stat& st);
  void SetRootStamp(Root* root, uint64_t stamp);
  void FollowRootDirectory(Root* root, const struct stat& st);

  // Directories (tree_visit.cc).
  Directory* AddDirectory(Root* root, Directory* parent, std::string_view name);
  void RemoveDirectory(Directory* top, bool report);
  void ReplaceDirectory(Directory* directory, UniqueFd fd);
  Handle Open(Directory* directory);
  void KeepOpen(Directory* directory, Handle* handle);
  void VisitPending();
  void Visit(Directory* directory, bool only_dirty);
  bool Enters(const Directory& directory, int fd) const;
  void ReadAgain(Directory* directory, int fd);
  void MergeFiles(Directory* directory, NameList found);
  void MergeDirectories(Directory* directory, int fd, const NameList& found);
  bool StillThere(const Directory& child, int parent_fd) const;
  bool Outdated(const Directory* directory);
  void LookAt(Directory* directory, int fd, Entry* entry);
  uint64_t StampOfContent(Directory* directory, int fd, const Entry& entry,
                          const Stamps& stamps);
  void CannotRead(Directory* directory, int error);

  // Rules of .gitignore files (tree_rules.cc).
  void ReadRules(Directory* directory, int fd);
  void SetRules(Directory* directory, std::shared_ptr<const IgnoreRules> rules);
  std::shared_ptr<const IgnoreRules> RulesAbove(
      const Directory& directory) const;
  const Filter& FilterOf(const Directory& directory) const;
  Filter::Place PlaceOf(const Directory& directory) const;
  std::optional<Filter::Place> TakePlaceBefore(const Directory& directory);
  void HideQuietly(Directory* directory, const Filter::Place& now);
  void ShowQuietly(Directory* directory,
                   const std::optional<Filter::Place>& before);

  // What is found (tree.cc).
  bool IsLate(const struct stat& st) const;
  void Update(Directory* directory, Entry* entry, uint64_t stamp,
              bool late = false, bool empty = false);
  void MarkDirty(Directory* directory);
  void ClearDirty();
  std::string PathBelowRoot(const Directory* directory,
                            std::string_view name) const;

  const WatchCompare compare_;
  Announcer* const announcer_;
  LookAlarm* const alarm_;
  absl::flat_hash_set<std::pair<dev_t, ino_t>> volume_parts_;
  absl::flat_hash_map<uint64_t, uint64_t> part_read_at_;  // by path hash
  const std::function<void()> progress_;
  const size_t max_directories_;
  bool complete_ = true;
  const std::optional<timespec> since_;
  const size_t max_open_;
  size_t open_ = 0;
  std::vector<uint32_t> opened_;  // slots, some of which may be closed again
  std::vector<Root> roots_;       // as long as Options::roots, never moved
  // Slots are reused; null: free. Directories hold each other by pointer.
  std::vector<std::unique_ptr<Directory>> directories_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> pending_;  // slots still to be visited, the last first
  std::vector<uint32_t> dirty_;    // slots that Recheck looks at
  std::vector<uint32_t> recent_;   // slots, the last that changed first
  std::pair<dev_t, ino_t> dev_;    // /dev itself

  // By slot, until it is listed again: the rules by which it was listed last.
  absl::flat_hash_map<uint32_t, std::shared_ptr<const IgnoreRules>>
      rules_before_;

  size_t not_covered_ = 0;    // roots and directories
  bool sweep_due_ = false;    // something may have changed anywhere
  bool more_watches_ = true;  // until one was refused; tried again by Sweep
  int watch_error_ = 0;
  FileSystems file_systems_;
  bool audits_ = false;
  // Found by an audit, not yet announced: slots, with the file.
  absl::flat_hash_map<uint32_t, std::string> silent_;

  uint64_t sweep_ = 0;
  bool base_line_ = false;  // during Scan only what is late is a change
  uint64_t digest_ = 0;
  Findings findings_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_TREE_H_
