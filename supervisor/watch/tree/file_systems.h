// Knows what can be expected of the file systems that are watched.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_FILE_SYSTEMS_H_
#define REINIT_SUPERVISOR_WATCH_TREE_FILE_SYSTEMS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "supervisor/watch/tree/stamp_clock.h"

namespace reinit {

// Of the mount with this number in /proc/self/mountinfo; empty if not found.
std::string TypeOfMount(std::string_view mountinfo, uint64_t id);

// Owned by Tree, on its thread. Asks each file system once, by a descriptor of
// something that is on it (O_PATH is enough); writes to none.
class FileSystems {
 public:
  // Something on it is watched.
  void Meet(dev_t device, int fd);
  // A file is on it that is in a folder elsewhere: mounted by itself, so its
  // changes are not announced, and it cannot be asked.
  void MeetStray(dev_t device) {
    strays_ = strays_ || !known_.contains(device);
  }

  // Whether changes of what is on it are announced: not where others make them
  // (another host, the other side of a mount, a daemon).
  bool Announces(dev_t device, int fd);
  // A change there was not announced: Announces is false from now on.
  void SetSilent(dev_t device) { known_[device].announces = false; }
  // One that was met announces nothing.
  bool IsSilent(dev_t device) const {
    const auto known = known_.find(device);
    return known != known_.end() && !known->second.announces;
  }

  // Nobody changes it but through this kernel, which announces all but what is
  // written through a mapping or by another name. An overlay is none of these:
  // its lower layers may be changed behind it.
  static bool AnnouncesAll(int fd);
  // The same of all that were met.
  bool AnnounceAll() const;

  // The type of one that was met and has no fine stamps (stamp_clock.h), empty
  // if it is not known; nothing if all have.
  std::optional<std::string> Coarse(const KernelStamps& kernel) const;

 private:
  struct FileSystem {
    bool announces = true;
    bool announces_all = false;
    bool seconds_only = false;
    std::string type;  // as mountinfo has it; empty: not known
  };

  absl::flat_hash_map<dev_t, FileSystem> known_;
  bool strays_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_FILE_SYSTEMS_H_
