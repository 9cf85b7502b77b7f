// Warns when a file-system call hangs.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_LOOK_ALARM_H_
#define REINIT_SUPERVISOR_WATCH_TREE_LOOK_ALARM_H_

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "reaper/unique_fd.h"

namespace reinit {

// A thread beside the one that looks, which may hang in the kernel (NFS, FUSE).
// It sleeps until the timer of a look runs out, so it costs nothing while looks
// come back. Without a thread there is no warning. Owned by the
// watch helper; all but `say` is on the thread of the looks.
class LookAlarm {
 public:
  // On the alarm's thread, once for each hang: `path` is what was last passed
  // to Step in this look, or empty.
  using Say = std::function<void(const char* path)>;

  // A hang is said after one to two times `patience` without a step.
  LookAlarm(absl::Duration patience, Say say);
  ~LookAlarm();
  LookAlarm(const LookAlarm&) = delete;
  LookAlarm& operator=(const LookAlarm&) = delete;

  // Around all that may hang.
  void Begin();
  // True if something was said of this look, which has come back after all.
  bool End();

  // It goes on; at `path`, which stays valid until the next one or End. Cheap.
  void Step(const char* path) {
    path_.store(path, std::memory_order_relaxed);
    Step();
  }
  void Step() {
    steps_.store(steps_.load(std::memory_order_relaxed) + 1,
                 std::memory_order_release);
  }

 private:
  static void* RunThread(void* self);
  void Listen();
  void Arm(absl::Duration first);

  const absl::Duration patience_;
  const Say say_;
  UniqueFd timer_;
  pthread_t thread_ = {};
  bool started_ = false;
  std::atomic<uint64_t> steps_ = 0;
  std::atomic<const char*> path_ = "";
  std::atomic<bool> said_ = false;
  std::atomic<bool> stop_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_LOOK_ALARM_H_
