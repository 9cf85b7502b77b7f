#include "supervisor/action/signal_action.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"
#include "supervisor/action/report.h"
#include "supervisor/messages.h"

namespace reinit {

SignalAction::SignalAction(const Context& context, int signo,
                           absl::Duration timeout, Send send)
    : context_(context),
      signo_(signo),
      timeout_(timeout),
      send_(std::move(send)),
      late_(
          context.loop, [this] { OnLate(); },
          EventLoop::Frozen::kDoesNotCount) {}

void SignalAction::Apply(const Reason& reason, OnDone done) {
  done_ = std::move(done);
  reason_ = reason;
  sent_ = context_.loop->Now();
  const absl::Status sent = send_(signo_);
  if (!sent.ok()) {
    Finish(false, sent.message());
  } else if (timeout_ == absl::ZeroDuration()) {
    Finish(true, "sent");
  } else {
    awaits_ = Awaits::kReloading;
    undated_ = false;
    late_.ArmAfter(timeout_);
  }
}

void SignalAction::OnLate() {
  const char* const what = awaits_ == Awaits::kReady ? "READY=1"
                           : undated_
                               ? "RELOADING=1 with MONOTONIC_USEC= (one came "
                                 "without, which may be about an earlier "
                                 "reload)"
                               : "RELOADING=1";
  Finish(false,
         absl::StrCat("no ", what, " within ", absl::FormatDuration(timeout_)));
}

void SignalAction::OnNotify(const NotifyMessage& message) {
  if (awaits_ == Awaits::kReady && message.ready) {
    Finish(true, absl::StrCat("ready again after ",
                              Millis(context_.loop->Now() - sent_)));
    return;
  }
  undated_ = undated_ || (message.reloading && !message.monotonic.has_value());
  // An earlier reload may still be talking: its time tells.
  if (awaits_ == Awaits::kReloading && message.reloading &&
      message.monotonic.has_value() &&
      absl::UnixEpoch() + *message.monotonic >= sent_ - absl::Microseconds(1)) {
    awaits_ = Awaits::kReady;
  }
}

void SignalAction::OnGone() {
  if (done_) Finish(false, "the process has ended");
}

void SignalAction::Finish(bool applied, std::string_view how) {
  late_.Cancel();
  awaits_ = Awaits::kNothing;
  const absl::Status result =
      ReportAction(context_.log, reason_, SignalName(signo_), applied, how);
  std::exchange(done_, nullptr)(result);
}

void SignalAction::Cancel() {
  late_.Cancel();
  awaits_ = Awaits::kNothing;
  done_ = nullptr;
}

}  // namespace reinit
