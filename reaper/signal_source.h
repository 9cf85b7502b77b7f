// Signals as events of the loop.
#ifndef REINIT_REAPER_SIGNAL_SOURCE_H_
#define REINIT_REAPER_SIGNAL_SOURCE_H_

#include <memory>

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
// Dropped are SIGCHLD as a signal and what this process sent itself: its own
// EPIPE comes as SIGPIPE with its own pid. What the terminal sends comes from
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
  void Read();

  UniqueFd fd_;
  EventLoop::FdWatch watch_;
  OnSignal on_signal_;
  OnChildren on_children_;
  const pid_t self_;
};

}  // namespace reinit

#endif  // REINIT_REAPER_SIGNAL_SOURCE_H_
