// Counts what the kernel kills for lack of memory, and logs it.
#ifndef REINIT_SUPERVISOR_PROCESS_OOM_WATCH_H_
#define REINIT_SUPERVISOR_PROCESS_OOM_WATCH_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"

namespace reinit {

// A worker that is killed for lack of memory is reaped by its parent: PID 1
// sees only that the count of the memory cgroup has grown. With cgroup v2 the
// kernel announces that by EPOLLPRI. This was chosen over reading the count at
// certain times, since the end of a worker below a process that goes on is none
// of them, and over inotify, which announces the same and takes one more
// descriptor. At idle nothing is announced, so nothing wakes up. A cgroup at
// its limit announces each reclaim, so the watch rests for kRest after each
// announcement. Reading the file never blocks: it holds counters. With cgroup
// v1, which would need the right to write there, the count is read when the
// process ends.
//
// Owned by the Runner, on the loop's thread. A plain init starts none.
class OomWatch {
 public:
  static constexpr absl::Duration kRest = absl::Seconds(1);

  explicit OomWatch(const Context& context)
      : context_(context), rest_(context.loop, [this] { Look(); }) {}

  // Counts and logs from now on. Further calls do nothing.
  void Start();
  // The main process was one of those that were killed: its end is logged.
  void NoteMainProcess() { ++told_; }
  // Logs what has been killed since the last look.
  void Look();

  // Of all since the start, the main process included.
  uint64_t count() const;
  // The kernel's count as it was known `ago`; nothing if it was not.
  std::optional<int64_t> CountBefore(absl::Duration ago) const;

 private:
  void OnAnnounced();
  void WatchAgain();

  const Context context_;
  EventLoop::Timer rest_;
  UniqueFd file_;
  EventLoop::FdWatch watch_;  // ends before its file
  std::optional<int64_t> at_start_;
  int64_t told_ = 0;         // the kernel's count, as far as it was logged
  int64_t before_last_ = 0;  // the same, before the last that was logged
  absl::Time last_ = absl::InfinitePast();  // when that was
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_OOM_WATCH_H_
