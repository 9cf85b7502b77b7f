// The Supervisor's part that deals with signals and with the end.
#include <signal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "reaper/terminal.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

bool StopsForTerminal(int signo) {
  return signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

}  // namespace

bool Supervisor::MeansDown(const SignalInfo& signal) const {
  const bool stops = signal.signo == SIGTERM || signal.signo == SIGINT ||
                     signal.signo == SIGQUIT;
  // A plain init has nobody to pass it to, and must not outlive it.
  if (!supervising_) {
    return stops && (instance_ == nullptr || !instance_->alive());
  }
  // The terminal is gone, and with it whoever would save the next file.
  const bool hung_up = signal.signo == SIGHUP && on_terminal_ && !OnTerminal();
  return stops || hung_up;
}

// What is typed on a terminal, and its new size, goes to its whole foreground
// group: once is enough. A hang-up goes to the session leader alone.
bool Supervisor::GivenByTerminal(const SignalInfo& signal,
                                 const Instance& instance) const {
  const bool to_the_group = signal.signo == SIGINT || signal.signo == SIGQUIT ||
                            signal.signo == SIGTSTP || signal.signo == SIGWINCH;
  return to_the_group && signal.code == SI_KERNEL && instance.SharesOurGroup();
}

void Supervisor::OnSignal(const SignalInfo& received) {
  context_.observer->OnSignal(received.signo);
  if (received.signo == options_->reload.signal && end_ == End::kStaying) {
    Reason reason;
    reason.cause = Reason::Cause::kSignal;
    reason.text = SignalName(received.signo);
    Reload(reason);
    return;
  }
  if (job_control_.Takes(received.signo, Serving())) return;
  SignalInfo signal = received;
  signal.signo = options_->signals.rewrite.Of(received.signo);
  if (signal.signo != 0 && MeansDown(received)) {
    OnDown(received);
    return;
  }
  const bool alive = Serving() != nullptr && Serving()->alive();
  if (!alive || !early_signals_.empty()) {
    // Before the first process runs nothing is lost. A later one starts with
    // all that the signal may have been about, and would only be ended by it.
    if (end_ == End::kStaying && generation_ <= 1 && signal.signo != 0 &&
        !options_->Sidecar()) {
      early_signals_.Add(signal);
    }
    return;
  }
  PassOn(received, signal);
  if (options_->init.suspends_itself && StopsForTerminal(received.signo)) {
    context_.observer->OnSuspend();
    context_.os->StopSelf();
  }
}

void Supervisor::PassOn(const SignalInfo& received, const SignalInfo& signal) {
  Instance* const serving = Serving();
  if (GivenByTerminal(received, *serving)) return;
  const int error = signal.signo != 0 ? serving->Forward(signal) : 0;
  context_.observer->OnForwarded(received.signo, signal.signo, serving->pid(),
                                 error);
}

void Supervisor::OnDown(const SignalInfo& signal) {
  const bool first = end_ == End::kStaying;
  const int before = std::exchange(down_signal_, signal.signo);
  if (first) {
    stopped_for_failure_ = planned_.has_value() && planned_->reason.IsFailure();
    const std::string name = SignalName(signal.signo);
    context_.log->Event(LogLevel::kInfo, "stopping",
                        absl::StrCat(name, ": stopping"),
                        {{"generation", generation_}, {"signal", name}});
  }
  // With nothing to wait for, the signal is the reason of our own end; else
  // the exit status of the process replaces this.
  if (first) Shutdown(options_->Sidecar() ? 0 : 128 + signal.signo);
  const bool one_alive = instance_ != nullptr && instance_->alive();
  const bool alive = one_alive || (other_ != nullptr && other_->alive());
  const bool second_ctrl_c = signal.signo == SIGINT && before == SIGINT;
  StopHook(second_ctrl_c ? SignalInfo{.signo = SIGKILL} : signal);
  // Whoever asks again does not want to wait for that.
  const bool was_draining = drain_timer_.armed();
  drain_timer_.Cancel();
  if (!first && (second_ctrl_c || !alive)) {
    KillAll();
    return;
  }
  if (!alive) return;
  if (first && one_alive && !instance_->stop_requested() &&
      options_->stop.drain_delay > absl::ZeroDuration() &&
      !GivenByTerminal(signal, *instance_)) {
    draining_ = signal;
    drain_timer_.ArmAfter(options_->stop.drain_delay);
    return;
  }
  PassDown(signal, first || was_draining);
}

void Supervisor::KillAll() {
  kill_now_ = true;
  if (instance_ != nullptr) instance_->KillNow();
  if (other_ != nullptr) other_->KillNow();
  if (final_sweep_.has_value()) final_sweep_->KillNow();
}

// Whoever sends it requests has had time to notice that it is not ready.
void Supervisor::Drained() { PassDown(draining_, /*first=*/true); }

void Supervisor::PassDown(const SignalInfo& signal, bool first) {
  for (Instance* const one : {instance_.get(), other_.get()}) {
    if (one != nullptr && one->alive()) PassDown(one, signal, first);
  }
}

void Supervisor::PassDown(Instance* instance, const SignalInfo& signal,
                          bool first) {
  const SignalMap& rewrite = options_->signals.rewrite;
  const int sent = signal.signo == SIGTERM && !rewrite.Changes(SIGTERM)
                       ? options_->stop.signal
                       : rewrite.Of(signal.signo);
  const bool has_it = GivenByTerminal(signal, *instance);
  const bool stopping = instance->stop_requested();
  if (!stopping && has_it) {
    instance->ExpectStop(options_->stop.shutdown_timeout);
    return;
  }
  if (!stopping) {
    // The runtime has a clock of its own, so by default there is no KILL.
    instance->Stop(sent, options_->stop.shutdown_timeout);
    return;
  }
  // Asked to stop already, for a restart: not twice in a row for one reason,
  // and now with the time that the end of it all has, but for one that hangs.
  const absl::Time until =
      context_.loop->Now() + options_->stop.shutdown_timeout;
  const bool sooner = stopped_for_failure_ && instance->stop_deadline() < until;
  if (first && !sooner) {
    instance->StopWithin(options_->stop.shutdown_timeout);
  }
  const bool same = first && sent == instance->stopped_with();
  if (same || has_it) return;
  instance->Forward({.signo = sent});
  instance->Forward({.signo = SIGCONT});
}

// At the end that nobody else has asked for.
void Supervisor::StopBoth() {
  for (Instance* const one : {instance_.get(), other_.get()}) {
    if (one != nullptr && one->alive() && !one->stop_requested()) {
      StopProcess(one);
    }
  }
  EndProbation();
}

bool Supervisor::Adopts() const {
  return options_->subreaper != Subreaper::kNo || context_.os->Self() == 1;
}

int Supervisor::ExitCodeOf(const ExitStatus& status) const {
  return options_->success.Contains(status) ? 0 : status.ShellCode();
}

void Supervisor::Shutdown(int exit_code) {
  if (end_ != End::kStaying) return;
  // What it ends with is what the one that serves ends with.
  if (Overlapping()) {
    instance_.swap(other_);
    last_pid_ = instance_->pid();
  }
  end_ = End::kEnding;
  exit_code_ = exit_code;
  planned_.reset();
  start_timer_.Cancel();
  retry_timer_.Cancel();
  DropJob(reload_check_);
  environment_read_.Cancel();
  action_->Cancel();
  if (report_.has_value()) report_->Stopping();
  strategies_.clear();
  Finish();
}

void Supervisor::Finish() {
  // The end of each of these leads here again; hooks are bounded.
  if (instance_ != nullptr || other_ != nullptr) return;
  if (pre_start_ != nullptr || post_stop_ != nullptr) return;
  const InitRules& rules = options_->init;
  if (supervising_ || !rules.ends_at_once) {
    FinalSweep();
    return;
  }
  if (rules.term_group_at_end && last_pid_ != 0) {
    // The group may live on in others; its number is not given anew so soon.
    const int sent = options_->signals.rewrite.Of(SIGTERM);
    const bool any = sent != 0 && options_->signals.forward_to ==
                                      SignalOptions::ForwardTo::kGroup;
    const int error = any ? context_.os->Send(-last_pid_, sent) : 0;
    context_.observer->OnForwarded(SIGTERM, sent, last_pid_, error);
  }
  context_.observer->OnEnd(exit_code_);
  RunPostStop(&Supervisor::MarkEnded);
}

void Supervisor::MarkEnded() {
  if (options_->termination_log.empty()) {
    end_ = End::kEnded;
  } else if (!last_words_.has_value()) {
    WriteTerminationLog();
  }
}

// The kernel's killer shows nowhere in the status itself.
void Supervisor::NoteOomKill(const ExitStatus& status) {
  killed_for_memory_ =
      status.signal == SIGKILL && oom_kills_.has_value() &&
      context_.os->OomKills().value_or(*oom_kills_) > *oom_kills_;
}

std::string Supervisor::EndText() const {
  return absl::StrCat(
      last_status_.ToString(),
      killed_for_memory_ ? ", by the kernel: out of memory" : "",
      said_failure_.empty() ? "" : ", after it had said: ", said_failure_);
}

// Then it has ended.
void Supervisor::WriteTerminationLog() {
  std::string text;
  if (last_pid_ != 0) text = absl::StrCat("process ended: ", EndText(), "\n");
  if (!end_reason_.empty()) absl::StrAppend(&text, end_reason_, "\n");
  if (down_signal_ != 0) {
    absl::StrAppend(&text, "stopped by ", SignalName(down_signal_), "\n");
  }
  last_words_.emplace(context_, options_->termination_log, [this](int error) {
    if (error != 0) {
      context_.log->Write(
          LogLevel::kWarning,
          absl::StrCat("--termination-log=", options_->termination_log,
                       ": cannot be written: ", SideChild::ErrorText(error)));
    }
    end_ = End::kEnded;
  });
  last_words_->Write(std::move(text));
}

// What nobody claims, too: orphans whose environment was wiped, for one.
void Supervisor::FinalSweep() {
  if (on_last_) on_last_();
  final_sweep_.emplace(context_, options_->stop.leftover_timeout,
                       Leftovers::Scope{.everything = true,
                                        .adopted = Adopts(),
                                        .mark = mark_,
                                        .main = last_pid_},
                       [this] { RunPostStop(&Supervisor::MarkEnded); });
  final_sweep_->Start();
  if (kill_now_) final_sweep_->KillNow();
}

}  // namespace reinit
