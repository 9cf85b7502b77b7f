// The part of Supervisor that shows it, takes requests, and runs without a
// command.
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/self/terminal.h"
#include "reaper/value/signals.h"
#include "supervisor/probe/target.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

absl::Status NoProcess() {
  return absl::FailedPreconditionError(
      "this reinit runs no command; `reinit ctl reload` has it do what "
      "--on-change says");
}

absl::Status NoWorkers() {
  return absl::FailedPreconditionError(
      "this reinit runs one process; --workers=N runs several");
}

std::string SidecarState(const Runner& runner, const Changes& changes) {
  if (runner.launcher().busy()) return "starting";
  switch (changes.state()) {
    case ChangeState::kChecking:
    case ChangeState::kApplying:
      return "reloading";
    case ChangeState::kPending:
      return "pending";
    case ChangeState::kNone:
    case ChangeState::kSettling:
      break;
  }
  return "watching";
}

Reason Asked(std::string_view text) {
  Reason reason;
  reason.cause = Reason::Cause::kControl;
  reason.text = text;
  return reason;
}

}  // namespace

absl::Status Supervisor::AskRestart(int worker, uint64_t* ticket) {
  if (end_.begun) return AboutToEnd();
  if (options_->Sidecar()) return NoProcess();
  if (worker != 0) return NoWorkers();
  if (ticket != nullptr) *ticket = outcomes_.Await(Outcomes::Kind::kRestart);
  runner_.AskRestart(Asked("ctl restart"));
  return absl::OkStatus();
}

absl::Status Supervisor::AskReload(uint64_t* ticket) {
  if (end_.begun) return AboutToEnd();
  if (ticket != nullptr) *ticket = outcomes_.Await(Outcomes::Kind::kReload);
  Reload(Asked("ctl reload"));
  return absl::OkStatus();
}

uint64_t Supervisor::Apply(const Reason& reason) {
  const uint64_t ticket = outcomes_.Await(Outcomes::Kind::kReload);
  Reload(reason);
  return ticket;
}

uint64_t Supervisor::Replace(const Reason& reason) {
  const uint64_t ticket = outcomes_.Await(Outcomes::Kind::kRestart);
  runner_.NoteCause(reason);
  runner_.AskRestart(reason);
  return ticket;
}

Supervisor::Progress Supervisor::progress() const {
  const bool rests = Serves() && runner_.CanAct() &&
                     !runner_.plan().has_value() && !changes_.queued();
  if (rests && changes_.state() == ChangeState::kNone) {
    return Progress::kSettled;
  }
  return rests && changes_.state() == ChangeState::kPending ? Progress::kRefused
                                                            : Progress::kBusy;
}

std::optional<absl::Status> Supervisor::Outcome(uint64_t ticket) const {
  std::optional<absl::Status> outcome = outcomes_.Of(ticket);
  if (!outcome.has_value() && end_.begun) return AboutToEnd();
  return outcome;
}

void Supervisor::AskStop(bool now) {
  if (!now) {
    OnDown({.signo = SIGTERM});
    return;
  }
  stop_order_.Note(SIGTERM);
  context_.log->Write(LogLevel::kInfo, "ctl stop --now: killing");
  Shutdown(options_->Sidecar() ? 0 : 128 + SIGTERM);
  runner_.StopHooks({.signo = SIGKILL});
  KillAll();
}

absl::Status Supervisor::AskSignal(int signo) {
  if (options_->Sidecar()) return NoProcess();
  return signals_.Send(signo);
}

absl::Status Supervisor::AskScale(int workers) {
  (void)workers;
  return NoWorkers();
}

std::string Supervisor::StateName() const {
  if (ended()) return "ended";
  if (end_.begun) return "ending";
  return options_->Sidecar() ? SidecarState(runner_, changes_)
                             : runner_.StateName();
}

Status Supervisor::Describe() const {
  const absl::Time now = context_.loop->Now();
  Status status;
  status.state = StateName();
  if (options_->Sidecar()) {
    status.sidecar = SidecarStatus{options_->reload.on_start ==
                                   ReloadOptions::OnStart::kApply};
  }
  status.reinit_pid = context_.os->Self();
  status.uptime = now - began_;
  status.serves = Serves();
  status.end_reason = end_.reason;
  status.change_queued = changes_.queued();
  changes_.Describe(now, runner_.plan().has_value(), &status);
  runner_.Describe(now, &status);
  outcomes_.Describe(now, &status);
  for (const std::string_view name : strategies_.Names()) {
    status.strategies.emplace_back(name);
  }
  status.checks = strategies_.Checks();
  if (worker_) return status;
  status.zombies =
      FindNeglectfulParents(context_.os->Processes(), context_.os->Self());
  if (sockets_ == nullptr) return status;
  for (ListenSockets::Id& id : sockets_->Listening(options_->workers.self)) {
    status.listeners.push_back({std::move(id.name), std::move(id.address)});
  }
  return status;
}

void Supervisor::StartSidecar() {
  const std::vector<std::string_view> names = strategies_.Names();
  const std::string actions =
      absl::StrJoin(options_->reload.on_change, ", ",
                    [](std::string* out, const ChangeAction& action) {
                      *out += WithoutSecrets(action.text);
                    });
  const std::string paths = absl::StrJoin(options_->watch.paths, ", ");
  const bool at_start =
      options_->reload.on_start == ReloadOptions::OnStart::kApply;
  context_.log->Event(
      LogLevel::kInfo, "watching",
      absl::StrCat(
          "watching",
          names.empty()
              ? ""
              : absl::StrCat(" ", paths, " using ", absl::StrJoin(names, ", ")),
          at_start ? ", on a change and at the start: " : ", on a change: ",
          actions),
      {{"paths", paths},
       {"actions", actions},
       {"on_start", at_start ? "apply" : "none"}});
  runner_.PrepareSidecar([this] { BeginSidecar(); });
}

void Supervisor::BeginSidecar() {
  ShowReady();
  changes_.BeginSidecar();
  runner_.ReleaseAfter(absl::Milliseconds(100));
  Ask();
}

// For a failure of reinit's own means, not of the process.
void Supervisor::EndForFailure(const std::string& why) {
  if (end_.begun) return;
  end_.reason = why;
  context_.log->Event(LogLevel::kError, "failed", why, {{"reason", why}});
  EndNow(1);
}

void Supervisor::EndNow(int exit_code) {
  if (end_.begun) return;
  Shutdown(exit_code);
  runner_.StopProcesses();
}

}  // namespace reinit
