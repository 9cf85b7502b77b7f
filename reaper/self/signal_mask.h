// Takes over the signal state that this process was given, and hands it on.
#ifndef REINIT_REAPER_SELF_SIGNAL_MASK_H_
#define REINIT_REAPER_SELF_SIGNAL_MASK_H_

#include <cstdint>

namespace reinit {

// The kernel's view: bit (signo - 1), all 64. glibc's sigset functions hide 32
// and 33 from us, so the raw system call is used throughout.
struct SignalState {
  uint64_t blocked = 0;
  bool child_ignored = false;  // SIGCHLD was inherited as SIG_IGN
};

// First thing in main: blocks every signal, so that none is lost before the
// signalfd reads it, and resets SIGCHLD to default (with SIG_IGN the kernel
// reaps for itself, waitpid never tells, and tini and catatonit hang). Returns
// what was inherited.
SignalState TakeOverSignals();

// Gives a state back exactly. Async-signal-safe: for use between fork and exec.
void RestoreSignals(const SignalState& state);

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_SIGNAL_MASK_H_
