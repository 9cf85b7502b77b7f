// Reads the kernel's announcements of changes in directories.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_INOTIFY_H_
#define REINIT_SUPERVISOR_WATCH_TREE_INOTIFY_H_

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "reaper/unique_fd.h"

namespace reinit {

// One inotify instance. Owned by the watch helper; one thread; never blocks.
// An event says only where to look: what is true is what the look finds.
class Inotify {
 public:
  struct Event {
    int watch = -1;
    uint32_t mask = 0;      // IN_*
    uint32_t cookie = 0;    // of both halves of a rename
    std::string_view name;  // in the directory; empty: of itself. Until return.
  };

  // 0 or errno: ENOSYS, EMFILE where fs.inotify.max_user_instances is reached.
  int Open();
  bool is_open() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }

  // Watches the directory behind `directory_fd`, which may be an O_PATH one,
  // for `mask` in addition to what it is watched for already. Returns its
  // watch, or -errno: ENOSPC where fs.inotify.max_user_watches is reached.
  int Add(int directory_fd, uint32_t mask);
  void Remove(int watch);

  // Hands over what has come; of very much the first part.
  void Read(absl::FunctionRef<void(const Event&)> on_event);

 private:
  UniqueFd fd_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_INOTIFY_H_
