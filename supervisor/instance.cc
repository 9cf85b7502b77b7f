#include "supervisor/instance.h"

#include <signal.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"

namespace reinit {

Instance::Instance(const Context& context, Spec spec, OnEvent on_event)
    : context_(context),
      spec_(std::move(spec)),
      on_event_(std::move(on_event)),
      ladder_(spec_.leftover_timeout),
      stop_timer_(context.loop,
                  [this] { Act(ladder_.Tick(context_.loop->Now())); }) {}

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
  request.as = *context_.user_process;
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) return spawned.status();
  pid_ = spawned->pid;
  result_ = std::move(spawned->result);
  context_.children->Add(
      pid_, [this](ExitStatus status) { OnExit(status); },
      [this](int signo) {
        stopped_by_ = signo;
        on_event_(Event::kStopped);
      });
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
  // From here on its pid is nobody's.
  exit_status_ = status;
  // Its end may be seen before the news of its start.
  ReadResult();
  stop_timer_.Cancel();
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

void Instance::ExpectStop() {
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  ladder_.Stop(context_.loop->Now(), absl::InfiniteDuration());
  if (alive()) Send({.signo = SIGCONT});
}

void Instance::StopWithoutTimeout() {
  ladder_.Patience();
  stop_timer_.Cancel();
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
      return;
    default:
      return;
  }
}

void Instance::CleanUp() {
  leftovers_.emplace(
      context_, spec_.leftover_timeout,
      Leftovers::Scope{
          .adopted = spec_.adopts, .mark = spec_.mark, .main = pid_},
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
