#include "supervisor/process/instance.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "reaper/process_tree.h"
#include "reaper/value/signals.h"
#include "supervisor/process/members.h"

namespace reinit {

Instance::Instance(const Context& context, Spec spec, OnEvent on_event)
    : context_(context),
      spec_(std::move(spec)),
      on_event_(std::move(on_event)),
      successor_(context),
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
  if (alive() && !successor_.searching()) context_.children->Forget(pid_);
}

absl::Status Instance::Start(bool may_wait, Stdin input) {
  started_ = context_.loop->Now();
  SpawnRequest request;
  request.argv = spec_.argv;
  request.environment = spec_.environment;
  request.own_group = spec_.own_group;
  request.own_session = spec_.own_session;
  request.terminal_fd = spec_.terminal_fd;
  request.null_stdin = input == Stdin::kNull;
  request.descriptors = spec_.descriptors;
  request.awaits_exec = may_wait;
  request.as = *context_.user_process;
  absl::StatusOr<Spawned> spawned = context_.os->Spawn(request);
  if (!spawned.ok()) return spawned.status();
  pid_ = spawned->pid;
  first_pid_ = pid_;
  result_.emplace(std::move(spawned->result));
  Watch();
  if (result_->valid()) {
    auto watch =
        context_.loop->WatchReadable(result_->get(), [this] { ReadResult(); });
    if (watch.ok()) {
      result_watch_ = *std::move(watch);
      return absl::OkStatus();
    }
  }
  // It runs already; or, without a watch (no memory for it), the exit status
  // has to tell.
  context_.loop->Post([this] { ReadResult(); });
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

std::optional<bool> Instance::Has(pid_t pid,
                                  std::vector<ProcessInfo>* unknown) const {
  if (!alive() || pid <= 0) return false;
  return IsMember(context_, pid, pid_, first_pid_, spec_.mark, unknown);
}

void Instance::ReadResult() {
  if (!result_.has_value()) return;
  const ssize_t got = result_->valid()
                          ? ::read(result_->get(), &failure_, sizeof(failure_))
                          : 0;
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
  if (stop_requested_) return End(status);
  successor_.Find({pid_, first_pid_, spec_.mark,
                   status.Success() ? spec_.holds_socket : nullptr},
                  [this, status](pid_t successor) {
                    if (successor != 0 && !stop_requested_) {
                      Succeed(successor);
                    } else {
                      End(status);
                    }
                  });
}

void Instance::Succeed(pid_t successor) {
  pid_ = successor;
  Watch();
  on_event_(Event::kSucceeded);
}

void Instance::End(ExitStatus status) {
  // From here on its pid is nobody's.
  exit_status_ = status;
  // Its end may be seen before the news of its start.
  ReadResult();
  if (ladder_.state() == StopLadder::State::kStopping &&
      StopDeadline() < absl::InfiniteFuture()) {
    stop_note_.until = StopDeadline();
  }
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

void Instance::Stop(int signo, absl::Duration timeout, std::string_view flag) {
  stop_signal_ = signo;
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  if (alive()) NoteStop(timeout, flag, SignalsGroup() ? pid_ : 0);
  Act(ladder_.Stop(context_.loop->Now(), timeout));
}

void Instance::ExpectStop(absl::Duration timeout, std::string_view flag) {
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  ladder_.Stop(context_.loop->Now(), timeout);
  stop_timer_.ArmAt(ladder_.deadline());
  if (!alive()) return;
  NoteStop(timeout, flag, context_.os->GroupOf(pid_));
  Send({.signo = SIGCONT});
}

void Instance::StopWithin(absl::Duration timeout, std::string_view flag) {
  if (!alive()) return;
  if (ladder_.state() == StopLadder::State::kKilling) {
    if (timeout < absl::InfiniteDuration()) survival_timer_.ArmAfter(timeout);
    return;
  }
  if (timeout < absl::InfiniteDuration()) SetLimit(timeout, flag);
  ladder_.Postpone(context_.loop->Now() + timeout);
  stop_timer_.ArmAt(ladder_.deadline());
}

void Instance::ExtendStop(absl::Duration timeout) {
  if (!stop_requested_ || StopDeadline() >= context_.loop->Now() + timeout) {
    return;
  }
  StopWithin(timeout);
}

// A freeze may have moved the timer.
absl::Time Instance::StopDeadline() const {
  return stop_timer_.armed() ? stop_timer_.deadline() : ladder_.deadline();
}

void Instance::KillNow() {
  stop_requested_ = true;
  Move(InstanceInput::kStop);
  if (leftovers_.has_value()) {
    leftovers_->KillNow();
    return;
  }
  Act(ladder_.Kill(context_.loop->Now()));
  // It may have survived one before.
  if (alive() && !survival_timer_.armed()) {
    survival_timer_.ArmAfter(StopLadder::kUnkillable);
  }
}

int Instance::Forward(const SignalInfo& signal) {
  if (!alive()) return ESRCH;
  const bool ends = signal.signo == SIGTERM || signal.signo == SIGINT ||
                    signal.signo == SIGQUIT;
  // A stop that is under way has its time already.
  if (ends && !stop_requested_) {
    NoteStop(absl::InfiniteDuration(), kStopTimeout, SignalsGroup() ? pid_ : 0);
  } else if (ends && SignalsGroup()) {
    NoteStop(absl::ZeroDuration(), "", pid_);
  }
  return Send(signal);
}

// To a group only if it is its own: ours would be reached as well.
int Instance::Send(const SignalInfo& signal) {
  if (successor_.searching()) return ESRCH;
  if (SignalsGroup()) {
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
      stop_note_.below.clear();  // their time is over as well
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

void Instance::OnSurvival() {
  LogSurvival();
  on_event_(Event::kSurvives);
}

// Logs what the process waits for; without that line nothing seems to happen.
void Instance::LogSurvival() {
  const std::optional<ProcessInfo> process = context_.os->ReadProcess(pid_);
  const char state = process.has_value() ? process->state : '?';
  if (context_.os->Send(pid_, {.signo = 0}) == EPERM) {
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat("process [", pid_,
                     "] did not get SIGKILL (Operation not permitted): it runs "
                     "as another user, as a setuid program does; run reinit as "
                     "root or with the capability KILL, or use "
                     "--no-new-privileges"));
    return;
  }
  const pid_t tracer = context_.os->TracerOf(pid_).value_or(0);
  if (tracer != 0 && state != 'D') {
    const auto debugger = context_.os->ReadProcess(tracer);
    const std::string name =
        debugger.has_value()
            ? absl::StrCat(" (", EscapeForLog(debugger->name), ")")
            : "";
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat("process [", pid_, "] ",
                     state == 'Z' ? "has ended on SIGKILL"
                                  : absl::StrCat("survives SIGKILL in state ",
                                                 std::string(1, state)),
                     ", but process ", tracer, name,
                     " traces it and holds it back: end or detach that "
                     "debugger"));
    return;
  }
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat("process [", pid_, "] survives SIGKILL in state ",
                   std::string(1, state),
                   ": it waits in the kernel, most likely for a file system "
                   "or a device"));
}

// Called before the signal is sent: what is forked afterwards has not got it.
// Many programs take a second TERM for "now", so a group that gets it is noted.
// What lives below the process does the work, where the process is a shell,
// npm or make: it has the time of the stop, also once the process has gone.
void Instance::NoteStop(absl::Duration timeout, std::string_view flag,
                        pid_t group) {
  const bool infinite = timeout == absl::InfiniteDuration();
  const absl::Duration time = infinite ? spec_.stop_timeout : timeout;
  const bool gives_time = !flag.empty() && time > spec_.leftover_timeout;
  if (!flag.empty()) {
    SetLimit(time, infinite ? kStopTimeout : flag);
    stop_note_.below.clear();
  }
  if (group == 0 && !gives_time) return;
  const std::vector<ProcessInfo> processes =
      spec_.adopts
          ? FamilyOf(context_, pid_).value_or(std::vector<ProcessInfo>())
          : context_.os->Processes();
  if (group != 0) {
    stop_note_.told = {-group};
    told_at_ = context_.loop->Now();
    for (const ProcessInfo& process : processes) {
      if (process.group == group && process.pid != pid_) {
        stop_note_.told.push_back(process.pid);
      }
    }
  }
  if (!gives_time) return;
  const std::vector<pid_t> below = Descendants(
      processes,
      [this](const ProcessInfo& process) { return process.pid == pid_; },
      [this](const ProcessInfo& process) {
        return process.pid == context_.os->Self();
      });
  for (const ProcessInfo& process : processes) {
    if (process.pid != pid_ && !process.ending &&
        std::binary_search(below.begin(), below.end(), process.pid)) {
      stop_note_.below.emplace_back(process.pid, process.started);
    }
  }
  std::sort(stop_note_.below.begin(), stop_note_.below.end());
}

void Instance::SetLimit(absl::Duration timeout, std::string_view flag) {
  stop_note_.until = context_.loop->Now() + timeout;
  if (flag.empty()) return;
  stop_note_.limit = absl::StrCat(flag, "=", absl::FormatDuration(timeout));
}

// A signal that was only passed on need not be why the process has ended.
StopNote Instance::stop_note() const {
  StopNote note = stop_note_;
  const absl::Duration ago = context_.loop->Now() - told_at_;
  if (!stop_requested_ && ago > spec_.leftover_timeout) note.told.clear();
  return note;
}

void Instance::CleanUp() {
  leftovers_.emplace(context_, spec_.leftover_timeout,
                     Leftovers::Scope{.adopted = spec_.adopts,
                                      .mark = spec_.mark,
                                      .main = first_pid_,
                                      .stop = stop_note()},
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
