// Turns signals into events of the loop.
#ifndef REINIT_REAPER_SIGNAL_SOURCE_H_
#define REINIT_REAPER_SIGNAL_SOURCE_H_

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "reaper/unique_fd.h"

namespace reinit {

// A signalfd over all signals, which TakeOverSignals() has blocked. Owned by
// whoever runs the loop; the callbacks run on its thread, first in a turn:
// every signal that was sent, in the order the kernel gives them, then (once)
// that children may have ended. A stop that comes together with the end of the
// child is thus known before the end is judged.
//
// While the loop waits for nothing else (a plain init), rt_sigtimedwait takes
// one signal in a turn: one system call in place of epoll_wait and read. A
// SIGCHLD taken that way still comes after every signal sent before it.
//
// SIGCHLD is dropped as a signal, and so are the SIGPIPE and SIGXFSZ that the
// kernel sends with this process's own pid when a write of its own fails (a
// reader of the log is gone, the log file is as large as `ulimit -f` allows).
// Any other signal that this process sends to itself is passed on: that is how
// FileUser reports the death of the parent. What the terminal sends comes from
// the kernel with pid 0 and is passed on.
class SignalSource {
 public:
  using OnSignal = absl::AnyInvocable<void(const SignalInfo&)>;
  using OnChildren = absl::AnyInvocable<void()>;

  // `loop` must outlive the source.
  static absl::StatusOr<std::unique_ptr<SignalSource>> Create(
      EventLoop* loop, OnSignal on_signal, OnChildren on_children);

 private:
  SignalSource(OnSignal on_signal, OnChildren on_children);
  bool Wait();
  void Read();
  void ReadOthers();
  void Take(const SignalInfo& info);

  UniqueFd fd_;
  EventLoop::FdWatch watch_;
  OnSignal on_signal_;
  OnChildren on_children_;
  const pid_t self_;
  std::optional<SignalInfo> waited_for_;  // by Wait, for Read
  bool children_ = false;                 // a SIGCHLD was taken in this turn
};

}  // namespace reinit

#endif  // REINIT_REAPER_SIGNAL_SOURCE_H_
