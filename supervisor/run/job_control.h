// Being stopped and continued together with the process.
#ifndef REINIT_SUPERVISOR_JOB_CONTROL_H_
#define REINIT_SUPERVISOR_JOB_CONTROL_H_

#include "supervisor/context.h"
#include "supervisor/instance.h"

namespace reinit {

// A shell watches reinit, not the process below it: when Ctrl-Z stops the
// process, reinit stops too, so that the shell takes its terminal back. `fg`
// makes reinit's group the foreground and continues it; reinit hands both on.
// Where nobody could continue reinit (as PID 1 above all) the process stays
// stopped until somebody sends SIGCONT. Owned by the Supervisor, on its thread.
class JobControl {
 public:
  explicit JobControl(const Context& context) : context_(context) {}

  // A signal has stopped `instance`. Returns when reinit was continued.
  void OnStopped(const Instance& instance);

  // To be asked about each signal that was received. True if this has dealt
  // with it: SIGCONT goes to the whole group that was stopped, once.
  bool Takes(int signo, const Instance* instance);

 private:
  void Continue(const Instance& instance);

  const Context context_;
  bool continued_ = false;  // the SIGCONT that did it is still to be read
  bool stopped_ = false;    // and nobody but the user can continue it
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_JOB_CONTROL_H_
