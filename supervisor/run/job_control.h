// Stops and continues reinit together with the process.
#ifndef REINIT_SUPERVISOR_RUN_JOB_CONTROL_H_
#define REINIT_SUPERVISOR_RUN_JOB_CONTROL_H_

#include "supervisor/context.h"
#include "supervisor/process/instance.h"

namespace reinit {

// A shell watches reinit, not the process below it: when Ctrl-Z stops the
// process, reinit stops too, so that the shell takes its terminal back. `fg`
// makes reinit's group the foreground and continues it; reinit hands both on.
// Where nothing could continue reinit (as PID 1 above all) the process stays
// stopped until SIGCONT comes; so it does if it is in the background
// (ProcessOptions::background). Owned by ProcessSignals, on the loop's thread.
class JobControl {
 public:
  JobControl(const Context& context, bool background)
      : context_(context), background_(background) {}

  // A signal has stopped `instance`. Stops reinit too, and returns when it was
  // continued; returns at once where nothing could continue it.
  void OnStopped(const Instance& instance);

  // Asked for each received signal. True if this call has dealt with it:
  // SIGCONT goes to the whole group that was stopped, once.
  bool Takes(int signo, const Instance* instance);

 private:
  void Continue(const Instance& instance);

  const Context context_;
  const bool background_;
  bool continued_ = false;  // the SIGCONT that did it is still to be read
  bool stopped_ = false;    // and only the user can continue it
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_JOB_CONTROL_H_
