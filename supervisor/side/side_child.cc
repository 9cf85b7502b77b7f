#include "supervisor/side/side_child.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"

namespace reinit {

const char* SideChild::ErrorText(int error) {
  if (error == ETIMEDOUT) return "its file system does not answer";
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : "it is not known why";
}

SideChild::SideChild(const Context& context)
    : context_(context), deadline_(context.loop, [this] { OnDeadline(); }) {}

SideChild::~SideChild() {
  if (pid_ != 0) context_.children->ForgetOwn(pid_);
  for (const pid_t pid : hung_) context_.children->ForgetOwn(pid);
}

void SideChild::Start(absl::FunctionRef<int()> work, OnDone done) {
  if (full()) return done(ETIMEDOUT);
  const absl::StatusOr<pid_t> forked = context_.os->Fork(work);
  if (!forked.ok()) return done(EAGAIN);
  pid_ = *forked;
  done_ = std::move(done);
  deadline_.ArmAfter(kPatience);
  context_.children->Add(pid_, [this](ExitStatus status) {
    End(status.signal != 0 ? EINTR : status.code);
  });
}

void SideChild::Cancel() {
  if (pid_ == 0) return;
  if (context_.children->ForgetOwn(pid_)) context_.os->Send(pid_, SIGKILL);
  pid_ = 0;
  done_ = nullptr;
  deadline_.Cancel();
}

// Hung in the kernel: not waited for, as its end may never come.
void SideChild::OnDeadline() {
  context_.children->Forget(pid_);
  context_.os->Send(pid_, SIGKILL);
  hung_.push_back(pid_);
  context_.children->Add(pid_, [this, pid = pid_](ExitStatus) {
    hung_.erase(std::find(hung_.begin(), hung_.end(), pid));
  });
  End(ETIMEDOUT);
}

void SideChild::End(int error) {
  deadline_.Cancel();
  pid_ = 0;
  const OnDone done = std::exchange(done_, nullptr);
  done(error);
}

}  // namespace reinit
