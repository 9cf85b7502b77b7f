#include "reaper/self/signal_mask.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reinit {
namespace {

void SetMask(uint64_t mask, uint64_t* old) {
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof(mask));
}

}  // namespace

SignalState TakeOverSignals() {
  SignalState state;
  SetMask(~uint64_t{0}, &state.blocked);
  struct sigaction by_default = {};
  by_default.sa_handler = SIG_DFL;
  struct sigaction old = {};
  if (::sigaction(SIGCHLD, &by_default, &old) == 0) {
    state.child_ignored = old.sa_handler == SIG_IGN;
  }
  return state;
}

void RestoreSignals(const SignalState& state) {
  if (state.child_ignored) {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGCHLD, &ignore, nullptr);
  }
  SetMask(state.blocked, nullptr);
}

}  // namespace reinit
