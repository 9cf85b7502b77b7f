// Decides what is done with a signal that reinit has received.
#ifndef REINIT_SUPERVISOR_ENDING_SIGNAL_ROUTE_H_
#define REINIT_SUPERVISOR_ENDING_SIGNAL_ROUTE_H_

#include "supervisor/value/signal_map.h"

namespace reinit {

// By the first line that applies:
//
//   the --reload-signal, while reinit stays           | Reload
//   supervising: TERM, INT, QUIT, the --stop-signal,  | Down
//     what is sent as TERM or as the --stop-signal,   |
//     or the terminal hung up; plain init: the same,  |
//     but for the terminal, without a live process;   |
//     not if --rewrite drops the signal               |
//   a process serves, and no earlier signal is kept   | Forward
//   the first process has not ended, reinit stays and | Keep
//     has a command, and --rewrite does not drop the  |
//     signal                                          |
//   else                                              | Drop
enum class SignalRoute { kReload, kDown, kForward, kKeep, kDrop };

struct SignalFacts {
  int reload_signal = 0;     // 0: none
  int stop_signal = 0;       // what a runtime stops the container by; 0: none
  bool staying = true;       // reinit is not about to end
  bool supervising = false;  // else a plain init
  bool sidecar = false;      // there never is a process
  bool hung_up = false;      // the terminal that there was at the start is gone
  bool process_alive = false;
  bool serves = false;   // whom signals go to is alive
  bool kept = false;     // others wait for the first process
  bool started = false;  // the first process has ended, or a second start began
};

// The signal to pass on for `received`: what --rewrite makes of it; the
// `stop_signal` for a TERM that is not rewritten. 0: dropped.
int SentFor(int received, const SignalMap& rewrite, int stop_signal);

// `sent` is what SentFor says.
SignalRoute RouteOf(int received, int sent, const SignalFacts& facts);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ENDING_SIGNAL_ROUTE_H_
