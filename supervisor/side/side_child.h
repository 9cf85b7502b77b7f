// Runs work that may hang in a short-lived child.
#ifndef REINIT_SUPERVISOR_SIDE_SIDE_CHILD_H_
#define REINIT_SUPERVISOR_SIDE_SIDE_CHILD_H_

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"

namespace reinit {

// Work on a file system that may not answer (NFS, FUSE), which PID 1 must not
// wait for: done by a short-lived child of ours, one at a time. Owned by who
// wants the result; on the loop's thread. Destroying it leaves a child that is
// at work to itself.
class SideChild {
 public:
  // Gets what the work has returned (0 or an errno), ETIMEDOUT where it hangs,
  // EAGAIN where no child was to be had, EINTR where it was killed; once for
  // each Start, from within it or later. May call Start.
  using OnDone = std::function<void(int error)>;

  explicit SideChild(const Context& context);
  ~SideChild();
  SideChild(const SideChild&) = delete;
  SideChild& operator=(const SideChild&) = delete;

  // `work` runs in the child (Os::Fork). To be called only when not busy.
  void Start(absl::FunctionRef<int()> work, OnDone done);
  bool busy() const { return pid_ != 0; }
  // So many children hang that no other is tried.
  bool full() const { return hung_.size() == kMostHung; }
  // Ends the work that is under way, without its OnDone.
  void Cancel();

  static const char* ErrorText(int error);  // of OnDone

  // How long a child may take.
  static constexpr absl::Duration kPatience = absl::Seconds(2);
  // Nothing ends one that hangs in the kernel for good. With so many of them
  // another is not tried.
  static constexpr size_t kMostHung = 4;

 private:
  void OnDeadline();
  void End(int error);

  const Context context_;
  OnDone done_;
  pid_t pid_ = 0;            // at work
  std::vector<pid_t> hung_;  // killed, and not ended yet
  EventLoop::Timer deadline_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SIDE_SIDE_CHILD_H_
