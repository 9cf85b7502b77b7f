#include "supervisor/run/process_signals.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"

namespace reinit {

bool GivenByTerminal(const SignalInfo& signal, const Instance& instance) {
  const bool to_the_group = signal.signo == SIGINT || signal.signo == SIGQUIT ||
                            signal.signo == SIGTSTP || signal.signo == SIGWINCH;
  return to_the_group && signal.code == SI_KERNEL && instance.SharesOurGroup();
}

void ProcessSignals::Forward(const SignalInfo& received,
                             const SignalInfo& sent) {
  Instance* const serving = Serving();
  if (GivenByTerminal(received, *serving)) return;
  const int error = sent.signo != 0 ? serving->Forward(sent) : 0;
  context_.observer->OnForwarded(received.signo, sent.signo, serving->pid(),
                                 error);
}

void ProcessSignals::DeliverKept() {
  Instance* const current = pair_->current();
  if (!current->alive()) return;
  for (const SignalInfo& signal : early_.Take()) current->Forward(signal);
}

absl::Status ProcessSignals::Notify(int signo) {
  Instance* const current = pair_->current();
  if (current == nullptr || !current->alive()) {
    return absl::UnavailableError("not sent: no process runs just now");
  }
  if (EndsByDefault(signo) &&
      !context_.os->Withstands(current->pid(), signo).value_or(true)) {
    return absl::UnavailableError(
        "not sent: the process has no handler for it and would be ended");
  }
  const int error = current->Forward({.signo = signo});
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, "kill");
}

absl::Status ProcessSignals::Send(int signo) {
  Instance* const serving = Serving();
  if (serving == nullptr || !serving->alive()) {
    return absl::FailedPreconditionError("there is no process just now");
  }
  const int error = serving->Forward({.signo = signo});
  if (error == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot send ", SignalName(signo), " to process ",
                          serving->pid()));
}

}  // namespace reinit
