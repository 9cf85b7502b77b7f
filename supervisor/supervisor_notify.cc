// The Supervisor's part that hears what the process says of itself, and tells
// others whether it serves.
#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "supervisor/messages.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// Anybody can cause one.
constexpr absl::Duration kStrangerWarnings = absl::Minutes(1);

// ERRNO= and EXIT_STATUS=, of which one is there.
std::string FailureText(const NotifyMessage& message) {
  std::string text;
  if (message.error.has_value()) {
    const char* const words = ::strerrordesc_np(*message.error);
    text = absl::StrCat("error ", *message.error, " (",
                        words != nullptr ? words : "no known one", ")");
  }
  if (message.exit_status.has_value()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "exit status ",
                    *message.exit_status);
  }
  return text;
}

}  // namespace

View Supervisor::ViewNow() const {
  View view;
  view.generation = generation_;
  if (instance_ != nullptr) {
    view.generation = instance_->generation();
    view.mark = instance_->mark();
    view.state = instance_->state();
    view.pid = instance_->pid();
    view.group = instance_->first_pid();
  }
  view.shares_sockets =
      other_ != nullptr && sockets_ != nullptr && !sockets_->empty();
  return view;
}

void Supervisor::TellStrategies() {
  const View view = ViewNow();
  for (const auto& strategy : strategies_) strategy->OnInstance(view);
  ShowReady();
}

bool Supervisor::Serves() const {
  if (options_->Sidecar()) return end_ == End::kStaying;
  const Instance* const serving = Serving();
  return end_ == End::kStaying && !says_it_stops_ && serving != nullptr &&
         serving->state() == InstanceState::kReady;
}

void Supervisor::ShowReady() {
  if (report_.has_value()) report_->Show(Serves(), StateName());
}

void Supervisor::MarkReadyIfSo(LogLevel level) {
  if (instance_ == nullptr || instance_->state() != InstanceState::kUp) return;
  if (!instance_->alive()) return;
  const auto decides = [](const auto& strategy) {
    return strategy->DecidesReady();
  };
  const bool one_decides =
      std::any_of(strategies_.begin(), strategies_.end(), decides);
  const bool ready = std::all_of(
      strategies_.begin(), strategies_.end(), [&](const auto& strategy) {
        return (one_decides && !decides(strategy)) || strategy->Ready();
      });
  if (!ready) return;
  instance_->MarkReady();
  TakeOver();
  outcomes_.Ready(context_.loop->Now());
  ForgetFailure();
  TellStrategies();
  const absl::Duration after = context_.loop->Now() - instance_->started();
  context_.log->Event(level, "ready",
                      absl::StrCat("ready after ", Millis(after)),
                      {{"generation", generation_},
                       {"pid", instance_->pid()},
                       {"ready_ms", LogMillis(after)}});
}

// Whose word would have counted is told why it has not.
void Supervisor::OnStranger(pid_t sender, const NotifyMessage& message) {
  const absl::Time now = context_.loop->Now();
  strangers_.Add(sender, now);
  const bool matters = (message.ready || message.stopping) &&
                       instance_ != nullptr && instance_->alive() &&
                       now >= next_stranger_warning_;
  if (matters) next_stranger_warning_ = now + kStrangerWarnings;
  context_.log->Write(
      matters ? LogLevel::kWarning : LogLevel::kDebug,
      absl::StrCat(message.ready      ? "READY=1"
                   : message.stopping ? "STOPPING=1"
                                      : "a notification",
                   " from process ", sender,
                   ", which is not one of the process's own or has ended and "
                   "was reaped by its parent before it was heard: ignored; a "
                   "sender of the process's own should live until BARRIER=1 "
                   "is answered (sd_notify_barrier(3), systemd-notify(1))"));
}

void Supervisor::OnNotify(pid_t sender, const NotifyMessage& message) {
  // To find out whose a process is costs a walk through /proc.
  const absl::Time now = context_.loop->Now();
  if (strangers_.Has(sender, now)) return;
  if (other_ != nullptr && other_->Has(sender)) {
    // All that is still of interest.
    if (message.extend_timeout.has_value()) {
      other_->ExtendStop(*message.extend_timeout);
    }
    return;
  }
  if (instance_ == nullptr || !instance_->Has(sender)) {
    OnStranger(sender, message);
    return;
  }
  if (message.status.has_value()) {
    context_.log->Write(LogLevel::kDebug,
                        absl::StrCat("process [", instance_->pid(),
                                     "] says: ", *message.status));
    if (report_.has_value()) report_->Status(*message.status);
  }
  if (message.error.has_value() || message.exit_status.has_value()) {
    said_failure_ = FailureText(message);
    context_.log->Write(
        LogLevel::kInfo,
        absl::StrCat("process [", instance_->pid(), "] says: ", said_failure_));
  }
  if (message.main_pid.has_value() && instance_->Has(*message.main_pid)) {
    instance_->SetSuccessor(*message.main_pid);
  }
  if (message.restart_reset) {
    backoff_.Reset();
    limit_.Reset();
  }
  if (message.extend_timeout.has_value()) {
    instance_->ExtendStop(*message.extend_timeout);
  }
  if (message.stopping && !says_it_stops_) {
    says_it_stops_ = true;
    ShowReady();
  }
  for (const auto& strategy : strategies_) strategy->OnNotify(message);
  action_->OnNotify(message);
}

}  // namespace reinit
