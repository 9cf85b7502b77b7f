#include "supervisor/notify/rights_drain.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/passed_rights.h"

namespace reinit {
namespace {

// Until a fork that failed is tried again.
constexpr absl::Duration kPause = absl::Milliseconds(100);

}  // namespace

RightsDrain::RightsDrain(const Context& context, int socket,
                         std::function<void()> on_taken)
    : context_(context),
      socket_(socket),
      on_taken_(std::move(on_taken)),
      timer_(context.loop, [this] { OnTimer(); }) {}

RightsDrain::~RightsDrain() {
  if (pid_ != 0 && context_.children->Forget(pid_)) {
    context_.os->Send(pid_, SIGKILL);
  }
  for (const pid_t pid : ending_) context_.children->Forget(pid);
}

void RightsDrain::Take() {
  busy_ = true;
  Try();
}

bool RightsDrain::Full() const {
  return !refused_ && ending_.size() >= kMostEnding;
}

void RightsDrain::Try() {
  if (Full()) {
    // Mostly one of them ends at once.
    if (can_refuse_) timer_.ArmAfter(kPatience);
    return;
  }
  const absl::StatusOr<pid_t> child = context_.os->ForkToReceive(socket_);
  if (!child.ok()) {
    timer_.ArmAfter(kPause);
    return;
  }
  pid_ = *child;
  killed_ = false;
  timer_.ArmAfter(kPatience);
  context_.children->Add(
      pid_, [this, pid = pid_](ExitStatus) { OnEnd(pid); },
      [this, pid = pid_](int) { OnStop(pid); });
}

// It has the message; or somebody has stopped it before, and then the message
// is read a second time. It takes nothing any more in either case.
void RightsDrain::OnStop(pid_t pid) {
  context_.os->Send(pid, SIGKILL);
  if (pid != pid_) return;
  pid_ = 0;
  ending_.push_back(pid);
  Done();
}

void RightsDrain::OnEnd(pid_t pid) {
  if (pid == pid_) {
    pid_ = 0;
    Done();
    return;
  }
  ending_.erase(std::remove(ending_.begin(), ending_.end(), pid),
                ending_.end());
  if (refused_ && ending_.empty() &&
      RefuseRights(socket_, /*refuse=*/false) == 0) {
    refused_ = false;
  }
  if (busy_ && pid_ == 0 && !Full()) Try();
}

void RightsDrain::OnTimer() {
  if (pid_ != 0 && !std::exchange(killed_, true)) {
    context_.os->Send(pid_, SIGKILL);
    timer_.ArmAfter(kPatience);
    return;
  }
  if (pid_ != 0) {
    // It hangs in the kernel with the message, or without: it takes nothing any
    // more, and at worst the message is heard twice.
    ending_.push_back(std::exchange(pid_, 0));
    Done();
    return;
  }
  if (Full()) Refuse();
  if (!Full()) Try();
}

void RightsDrain::Refuse() {
  const int error = RefuseRights(socket_);
  refused_ = error == 0;
  can_refuse_ = refused_;
  if (std::exchange(told_, true)) return;
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat("notify socket: ", ending_.size(),
                   " processes hang while they close descriptors that came "
                   "with messages; until they have ended, ",
                   refused_ ? std::string("messages with descriptors "
                                          "(BARRIER=1) are refused")
                            : absl::StrCat("no message is read (",
                                           ::strerrordesc_np(error), ")")));
}

void RightsDrain::Done() {
  timer_.Cancel();
  busy_ = false;
  on_taken_();
}

}  // namespace reinit
