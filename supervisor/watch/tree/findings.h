// Collects what a Tree has found since it was last asked.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_FINDINGS_H_
#define REINIT_SUPERVISOR_WATCH_TREE_FINDINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"

namespace reinit {

struct RootEvent {
  bool gone = false;  // else it is back
  std::string path;   // as the user wrote it
};

struct FoundChanges {
  // So many paths are kept, until they are taken.
  static constexpr size_t kMaxPaths = 256;

  size_t count = 0;  // different paths
  // One of them, below the root as the user wrote it; hidden ones last.
  std::string first;
  // The first kMaxPaths of them, as they were found.
  std::vector<std::string> paths;
  // A number for each, the same in each process: the smallest of them, in
  // order.
  std::vector<uint64_t> names;
};

// Values alone, bounded but for one small entry for each changed path. Owned by
// the Tree, on its thread.
class Findings {
 public:
  struct Path {
    std::string below;  // the root
    std::string shown;
  };

  // What is at a path now.
  enum class Is { kGone, kEmpty, kThere };

  // A path differs from the last look. A path that came and went before Take (a
  // tool's temporary file) was no change. `path` is called where it may be the
  // one that is shown.
  void NoteChange(uint64_t path_hash, bool was_there, Is is,
                  absl::FunctionRef<Path()> path);
  // Returns the changes and forgets them, with at most `max_names` names.
  FoundChanges TakeChanges(size_t max_names);
  bool changed() const { return !changed_.empty(); }
  // All that has changed is one path, at which there was something before and
  // is something now, other than an empty file: that is yet to be written.
  bool OnlyOneRewritten() const;
  // Grows with every difference found, that of a path found before included.
  uint64_t revision() const { return revision_; }

  void NoteRoot(bool gone, const std::string& path) {
    events_.push_back({gone, path});
  }
  std::vector<RootEvent> TakeRootEvents();
  // One line about what cannot be read; after 20 a last one, then none.
  void Warn(std::string line);
  std::vector<std::string> TakeWarnings();

  size_t MemoryUsed() const;  // bytes

 private:
  // A path that has changed, to be told.
  struct Example {
    uint64_t path_hash;
    bool hidden;
    std::string path;
  };

  struct Difference {
    bool was_there;
    Is is;
  };

  uint64_t revision_ = 0;
  absl::flat_hash_map<uint64_t, Difference> changed_;  // by path hash
  std::vector<Example> examples_;
  std::vector<RootEvent> events_;
  std::vector<std::string> warnings_;
  int warned_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_FINDINGS_H_
