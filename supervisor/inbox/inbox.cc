#include "supervisor/inbox/inbox.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// Anybody can cause one.
constexpr absl::Duration kStrangerWarnings = absl::Minutes(1);

}  // namespace

// A sender whose message would have counted is told why it does not.
void Inbox::OnStranger(pid_t sender, const NotifyMessage& message) {
  const absl::Time now = context_.loop->Now();
  strangers_.Add(sender, now);
  const Instance* const current = pair_->current();
  const bool matters = (message.ready || message.stopping) &&
                       current != nullptr && current->alive() &&
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

void Inbox::OnNotify(pid_t sender, const NotifyMessage& message) {
  if (strangers_.Has(sender, context_.loop->Now())) return;
  bool kept = true;
  std::vector<ProcessInfo> unknown;
  if (undecided_.Waits(sender)) {
    kept = undecided_.AddNext(sender, message);
  } else {
    const Runner::Sender who = runner_->SenderOf(sender, &unknown);
    const bool from_current = who == Runner::Sender::kCurrent;
    if (who != Runner::Sender::kStranger) unknown.clear();
    if (from_current && message.main_pid.has_value()) {
      pair_->current()->Has(*message.main_pid, &unknown);
    }
    if (unknown.empty()) return Hear(who, sender, message);
    kept = undecided_.Add({sender, unknown.front(),
                           from_current ? pair_->current()->generation() : 0,
                           message});
  }
  if (kept) return;
  context_.log->Write(
      LogLevel::kDebug,
      absl::StrCat("a notification from process ", sender,
                   " is lost: too many wait for what /proc says of it"));
}

// The process that it was about may have been replaced meanwhile.
void Inbox::OnDecided(const Undecided::Message& message) {
  if (strangers_.Has(message.sender, context_.loop->Now())) return;
  const auto owns = [&](const Instance* instance) {
    if (instance == nullptr || !instance->alive()) return false;
    if (message.generation != 0) {
      return instance->generation() == message.generation;
    }
    return context_.marks->Of(message.orphan, instance->mark()) ==
           Marks::Verdict::kHas;
  };
  Runner::Sender who = Runner::Sender::kStranger;
  if (owns(pair_->leaving())) {
    who = Runner::Sender::kLeaving;
  } else if (owns(pair_->current())) {
    who = Runner::Sender::kCurrent;
  }
  Hear(who, message.sender, message.content);
}

void Inbox::Hear(Runner::Sender who, pid_t sender,
                 const NotifyMessage& message) {
  if (who == Runner::Sender::kStranger) {
    OnStranger(sender, message);
  } else {
    on_heard_(who, message);
  }
}

}  // namespace reinit
