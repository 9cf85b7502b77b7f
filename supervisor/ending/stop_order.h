// Tells the processes to stop, once reinit was told to end.
#ifndef REINIT_SUPERVISOR_ENDING_STOP_ORDER_H_
#define REINIT_SUPERVISOR_ENDING_STOP_ORDER_H_

#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/process/instance.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/process_signals.h"

namespace reinit {

//   None     | the first signal           -> Draining, with --drain-delay and a
//            |                               current process that is not being
//            |                               stopped and did not get the signal
//            |                               from its terminal; else Told
//   Draining | the delay is over          -> Told
//            | one more                   -> Told: of that one
//            | Cancel                     -> None
//   Told     | one more                   -> Told: that is sent as well
//   any but  | a second Ctrl-C in a row,  -> Insisted: KILL
//     None   |   or one more and no       |
//            |   process is alive         |
//   any      | ctl stop --now (Note)      -> Insisted: KILL, by the caller
//
// What Told sends to each process that is alive:
//
//   not being stopped, has it from its     | CONT
//     terminal                             |
//   not being stopped                      | the signal, CONT
//   being stopped, has it from its         | nothing
//     terminal                             |
//   being stopped by the same signal, and  | nothing
//     nothing was Told before              |
//   being stopped                          | the signal, CONT
//
// Told gives each --shutdown-timeout until KILL when it begins, or what is left
// of a stop for a failure, whichever is less. Which signal: SentFor in
// signal_route.h.
//
// Owned by the Supervisor, on its thread.
class StopOrder {
 public:
  // `options` and `pair` are borrowed.
  StopOrder(const Context& context, const Options* options, InstancePair* pair);

  // To be called first for each signal; true: a second Ctrl-C in a row.
  bool Receive(int signo);
  // Sends the stop signal to each live process, or begins the drain delay.
  // Returns false if a repeated signal found no live process: the caller then
  // kills everything. `first`: this signal begins the end.
  bool Execute(const SignalInfo& signal, bool first);
  void Cancel() { drain_timer_.Cancel(); }

  // `for_failure`: a restart for a failure was planned when the order came; a
  // stop that is under way then keeps its earlier deadline.
  void OnBegin(bool for_failure) { for_failure_ = for_failure; }
  // The order came by ctl, not by a signal.
  void Note(int signo) { signo_ = signo; }
  // The last one received; 0: none.
  int signo() const { return signo_; }

 private:
  void Pass(const SignalInfo& signal, bool first);
  void PassTo(Instance* instance, const SignalInfo& signal, bool first);

  const Context context_;
  const Options* const options_;
  InstancePair* const pair_;
  EventLoop::Timer drain_timer_;
  SignalInfo draining_;  // the one to be passed on when that fires
  int signo_ = 0;
  bool for_failure_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ENDING_STOP_ORDER_H_
