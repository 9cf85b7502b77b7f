#include "supervisor/run/job_control.h"

#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/self/terminal.h"
#include "reaper/value/signals.h"

namespace reinit {

void JobControl::OnStopped(const Instance& instance) {
  if (background_ || !context_.os->CanBeContinued()) {
    stopped_ = true;
    context_.log->Write(
        !background_ && OnTerminal() ? LogLevel::kWarning : LogLevel::kInfo,
        absl::StrCat("process [", instance.pid(), "] was stopped by ",
                     SignalName(instance.stop_signal()),
                     ": send SIGCONT to reinit to let it go on"));
    return;
  }
  context_.os->StopSelf();
  continued_ = true;
  Continue(instance);
}

bool JobControl::Takes(int signo, const Instance* instance) {
  if (signo != SIGCONT) return false;
  if (std::exchange(continued_, false)) return true;
  if (!std::exchange(stopped_, false)) return false;
  if (instance == nullptr || !instance->alive()) return false;
  Continue(*instance);
  return true;
}

void JobControl::Continue(const Instance& instance) {
  // In our own group the shell has continued it already.
  if (!instance.alive() || instance.SharesOurGroup()) return;
  if (!background_) HandForegroundOn(instance.pid());
  if (context_.os->Send(-instance.pid(), SIGCONT) != 0) {
    context_.os->Send(instance.pid(), SIGCONT);
  }
}

}  // namespace reinit
