#include "supervisor/instance.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "supervisor/members.h"

namespace reinit {

Instance::Instance(const Context& context, Spec spec, OnEvent on_event)
    : context_(context),
      spec_(std::move(spec)),
      on_event_(std::move(on_event)),
      ladder_(spec_.leftover_timeout),
      stop_timer_(
          context.loop,
          [this] {
            NoteResult("timeout");
            Act(ladder_.Tick(context_.loop->Now()));
          },
          EventLoop::Frozen::kDoesNotCount),
      survival_timer_(context.loop, [this] { OnSurvival(); }) {}

Instance::~Instance() {
  if (alive()) context_.children->Forget(pid_);
}

absl::Status Instance::Start() {
  started_ = context_.loop->Now();
  SpawnRequest request;
  request.argv = spec_.argv;
  request.environment = spec_.environment;
  request.own_group = spec_.own_group;
  request.own_session = spec_.own_session;
  request.terminal_fd = spec_.terminal_fd;
  request.descriptors = spec_.descriptors;
  request.as = *context_.user_process;
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) return spawned.status();
  pid_ = spawned->pid;
  first_pid_ = pid_;
  result_ = std::move(spawned->result);
  Watch();
  auto watch =
      context_.loop->WatchReadable(result_.get(), [this] { ReadResult(); });
  // Without a watch (no memory for it) the exit status has to tell.
  if (watch.ok()) {
    result_watch_ = *std::move(watch);
  } else {
    context_.loop->Post([this] { ReadResult(); });
  }
  return absl::OkStatus();
}

void Instance::Watch() {
  context_.children->Add(
      pid_, [this](ExitStatus status) { OnExit(status); },
      [this](int signo) {
        stopped_by_ = signo;
        on_event_(Event::kStopped);
      });
}

bool Instance::Has(pid_t pid) const {
  if (!alive() || pid <= 0) return false;
  return IsMember(context_, pid, pid_, first_pid_, spec_.mark);
}

// One that is not our child, since it came by another way, could not be waited
// for.
pid_t Instance::FindSuccessor(const ExitStatus& status) {
  const pid_t named = std::exchange(successor_, 0);
  const bool may_be_unnamed = status.Success() && spec_.holds_socket != nullptr;
  if (named == 0 && !may_be_unnamed) return 0;
  pid_t unnamed = 0;
  int others = 0;
  for (const ProcessInfo& process : context_.os->Processes()) {
    if (process.parent != context_.os->Self() || process.state == 'Z' ||
        process.pid == pid_) {
      continue;
    }
    if (process.pid == named) return named;
    // In state D reading of it could hang.
    if (!may_be_unnamed || process.state == 'D' ||
        context_.children->Knows(process.pid) ||
        !context_.os->StartedWith(process.pid, spec_.mark).value_or(false) ||
        !spec_.holds_socket(process.pid)) {
      continue;
    }
    unnamed = process.pid;
    ++others;
  }
  return others == 1 ? unnamed : 0;
}

bool Instance::Succeed(const ExitStatus& status) {
  const pid_t successor = FindSuccessor(status);
  if (successor == 0) return false;
  pid_ = successor;
  Watch();
  return true;
}

void Instance::ReadResult() {
  if (!result_.valid()) return;
  const ssize_t got = ::read(result_.get(), &failure_, sizeof(failure_));
  result_watch_.Cancel();
  result_.reset();
  if (got == sizeof(failure_)) {
    on_event_(Event::kExecFailed);
    return;
  }
  failure_ = {};
  Move(InstanceInput::kExecuted);
  on_event_(Event::kUp);
}

void Instance::OnExit(ExitStatus status) {
  if (!stop_requested_ && Succeed(status)) {
    on_event_(Event::kSucceeded);
    return;
  }
  // From here on its pid is nobody's.
  exit_status_ = status;
  // Its end may be seen before the news of its start.
  ReadResult();
  stop_timer_.Cancel();
  survival_timer_.Cancel();
  Move(InstanceInput::kExited);
  on_event_(Event::kExited);
}

bool Instance::SharesOurGroup() const {
  return !spec_.own_group && alive() &&
         context_.os->GroupOf(pid_) == context_.os->GroupOf(0);
}

void Instance::MarkReady() {
  if (state_ != InstanceState::kUp) return;
  Move(InstanceInput::kReady);
  ready_since_ = context_.loop->Now();
}

void Instance::Stop(int signo, absl::Duration timeout) {
  stop_signal_ = signo;
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  Act(ladder_.Stop(context_.loop->Now(), timeout));
}

void Instance::ExpectStop(absl::Duration timeout) {
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  ladder_.Stop(context_.loop->Now(), timeout);
  stop_timer_.ArmAt(ladder_.deadline());
  if (alive()) Send({.signo = SIGCONT});
}

void Instance::StopWithin(absl::Duration timeout) {
  if (!alive()) return;
  ladder_.Postpone(context_.loop->Now() + timeout);
  stop_timer_.ArmAt(ladder_.deadline());
}

void Instance::ExtendStop(absl::Duration timeout) {
  // A freeze may have moved the timer.
  const absl::Time until =
      stop_timer_.armed() ? stop_timer_.deadline() : ladder_.deadline();
  if (!stop_requested_ || until >= context_.loop->Now() + timeout) return;
  StopWithin(timeout);
}

void Instance::KillNow() {
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  if (leftovers_.has_value()) {
    leftovers_->KillNow();
  } else {
    Act(ladder_.Kill(context_.loop->Now()));
  }
}

int Instance::Forward(const SignalInfo& signal) {
  return alive() ? Send(signal) : ESRCH;
}

// To a group only if it is its own: ours would be reached as well.
int Instance::Send(const SignalInfo& signal) {
  if (spec_.signal_group && spec_.own_group) {
    const int error = context_.os->Send(-pid_, signal);
    // Where it could not make one (a sandbox), it is alone.
    if (error != ESRCH) return error;
  }
  return context_.os->Send(pid_, signal);
}

void Instance::Act(StopLadder::Act act) {
  if (!alive()) return;
  switch (act) {
    case StopLadder::Act::kStop:
      Send({.signo = stop_signal_});
      Send({.signo = SIGCONT});
      stop_timer_.ArmAt(ladder_.deadline());
      return;
    case StopLadder::Act::kKill:
      stop_timer_.Cancel();
      context_.log->Write(
          LogLevel::kWarning,
          stop_signal_ == 0
              ? absl::StrCat("process [", pid_, "]: SIGKILL")
              : absl::StrCat("process [", pid_, "] has not ended on ",
                             SignalName(stop_signal_), ": SIGKILL"));
      Send({.signo = SIGKILL});
      survival_timer_.ArmAfter(StopLadder::kUnkillable);
      return;
    default:
      return;
  }
}

// Whoever wonders why nothing happens is told what is waited for.
void Instance::OnSurvival() {
  char state = '?';
  for (const ProcessInfo& process : context_.os->Processes()) {
    if (process.pid == pid_) state = process.state;
  }
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat("process [", pid_, "] survives SIGKILL in state ",
                   std::string(1, state),
                   ": it waits in the kernel, most likely for a file system "
                   "or a device; waiting for its end"));
}

void Instance::CleanUp() {
  leftovers_.emplace(
      context_, spec_.leftover_timeout,
      Leftovers::Scope{
          .adopted = spec_.adopts, .mark = spec_.mark, .main = first_pid_},
      [this] {
        Move(InstanceInput::kEmpty);
        on_event_(Event::kGone);
      });
  leftovers_->Start();
}

void Instance::OnReaped() {
  if (leftovers_.has_value()) leftovers_->Look();
}

}  // namespace reinit
