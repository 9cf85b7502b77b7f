// The Supervisor's part that does what `reinit ctl` asks for.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

absl::Status Ending() {
  return absl::FailedPreconditionError("reinit is about to end");
}

absl::Status NoProcess() {
  return absl::FailedPreconditionError(
      "this reinit runs no command; `reinit ctl reload` has it do what "
      "--on-change says");
}

Reason Asked(std::string_view text) {
  Reason reason;
  reason.cause = Reason::Cause::kControl;
  reason.text = text;
  return reason;
}

}  // namespace

absl::Status Supervisor::AskRestart(uint64_t* ticket) {
  if (end_ != End::kStaying) return Ending();
  if (options_->Sidecar()) return NoProcess();
  if (ticket != nullptr) *ticket = outcomes_.Await(Outcomes::Kind::kRestart);
  if (CanAct()) {
    Restart(Asked("ctl restart"), nullptr);
    return absl::OkStatus();
  }
  // One that is on its way is as good.
  const bool on_its_way =
      planned_.has_value() || Preparing() ||
      (instance_ != nullptr && instance_->state() == InstanceState::kStarting);
  if (!on_its_way) asked_restart_ = Asked("ctl restart");
  return absl::OkStatus();
}

absl::Status Supervisor::AskReload(uint64_t* ticket) {
  if (end_ != End::kStaying) return Ending();
  if (ticket != nullptr) *ticket = outcomes_.Await(Outcomes::Kind::kReload);
  Reload(Asked("ctl reload"));
  return absl::OkStatus();
}

std::optional<absl::Status> Supervisor::Outcome(uint64_t ticket) const {
  std::optional<absl::Status> outcome = outcomes_.Of(ticket);
  if (!outcome.has_value() && end_ != End::kStaying) return Ending();
  return outcome;
}

void Supervisor::AskStop(bool now) {
  if (!now) {
    OnDown({.signo = SIGTERM});
    return;
  }
  down_signal_ = SIGTERM;
  context_.log->Write(LogLevel::kInfo, "ctl stop --now: killing");
  Shutdown(options_->Sidecar() ? 0 : 128 + SIGTERM);
  StopHook({.signo = SIGKILL});
  drain_timer_.Cancel();
  KillAll();
}

absl::Status Supervisor::AskSignal(int signo) {
  if (options_->Sidecar()) return NoProcess();
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
