// Sends the signals that reinit receives to the process.
#ifndef REINIT_SUPERVISOR_RUN_PROCESS_SIGNALS_H_
#define REINIT_SUPERVISOR_RUN_PROCESS_SIGNALS_H_

#include "absl/status/status.h"
#include "supervisor/context.h"
#include "supervisor/run/early_signals.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/job_control.h"

namespace reinit {

// Forwards signals to the process that serves, keeps those that come before
// the first one, and stops and continues reinit together with it. Owned by the
// Supervisor, on its thread.
class ProcessSignals {
 public:
  // `pair` is borrowed. `background` is ProcessOptions::background.
  ProcessSignals(const Context& context, InstancePair* pair, bool background)
      : context_(context), pair_(pair), job_control_(context, background) {}

  // True if job control has dealt with it: see JobControl::Takes.
  bool JobControlTakes(int signo) {
    return job_control_.Takes(signo, Serving());
  }
  // `sent` is what --rewrite makes of `received`. A process must serve.
  void Forward(const SignalInfo& received, const SignalInfo& sent);
  // Keeps a signal for the first process.
  void Keep(const SignalInfo& signal) { early_.Add(signal); }
  bool keeps_any() const { return !early_.empty(); }
  // Sends what was kept to the current process, if it is alive.
  void DeliverKept();

  // Sends `signo` to the current process for a change, unless the process has
  // no handler for it and would be ended.
  absl::Status Notify(int signo);
  // Sends `signo` to the process that serves, as a person asks for it.
  absl::Status Send(int signo);

  // A signal has stopped `instance`: see JobControl::OnStopped.
  void OnStopped(const Instance& instance) { job_control_.OnStopped(instance); }

 private:
  // The one that gets the signals, as InstancePair::Serving.
  Instance* Serving() {
    return pair_->Overlapping() ? pair_->leaving() : pair_->current();
  }

  const Context context_;
  InstancePair* const pair_;
  JobControl job_control_;
  EarlySignals early_;
};

// What is typed on a terminal, and its new size, goes to its whole foreground
// group: once is enough. A hang-up goes to the session leader alone.
bool GivenByTerminal(const SignalInfo& signal, const Instance& instance);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_PROCESS_SIGNALS_H_
