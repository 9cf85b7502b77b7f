// The part of Runner that follows what the process does: it runs, is ready,
// speaks, ends.
#include <signal.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/self/terminal.h"
#include "supervisor/messages.h"
#include "supervisor/run/runner.h"

namespace reinit {
namespace {

// A process that runs for this long has finished its start, so what only a
// start needs is given back then, and not after each start of a restart loop.
constexpr absl::Duration kStartEffort = absl::Milliseconds(100);

// A process that ends this soon after it was found ready was not ready after
// all: the process that it replaced, if that still drains, is kept.
constexpr absl::Duration kProbation = absl::Seconds(10);

// What was killed for lack of memory longer ago than this is not why the
// process ends.
constexpr absl::Duration kMemoryCause = absl::Seconds(10);

// ERRNO= and EXIT_STATUS=; one of them is there.
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

Runner::Sender Runner::SenderOf(pid_t pid,
                                std::vector<ProcessInfo>* unknown) const {
  const auto has = [=](const Instance* instance) {
    return instance != nullptr && instance->Has(pid, unknown).value_or(false);
  };
  if (has(pair_->leaving())) return Sender::kLeaving;
  return has(pair_->current()) ? Sender::kCurrent : Sender::kStranger;
}

void Runner::OnNotify(Sender sender, const NotifyMessage& message) {
  Instance* const from =
      sender == Sender::kLeaving ? pair_->leaving() : pair_->current();
  if (sender == Sender::kCurrent) {
    if (message.error.has_value() || message.exit_status.has_value()) {
      last_end_.OnSaid(FailureText(message));
      context_.log->Write(
          LogLevel::kInfo,
          absl::StrCat("process [", from->pid(), "] says: ", last_end_.said()));
    }
    std::vector<ProcessInfo> unknown;
    if (message.main_pid.has_value() &&
        from->Has(*message.main_pid, &unknown).value_or(false)) {
      from->SetSuccessor(*message.main_pid);
    }
    if (message.restart_reset) plan_.Forgive();
    if (message.stopping) says_it_stops_ = true;
  }
  // Nothing else matters of a process that leaves.
  if (message.extend_timeout.has_value()) {
    from->ExtendStop(*message.extend_timeout);
  }
}

void Runner::OnInstance(int generation, Instance::Event event) {
  if (pair_->leaving() != nullptr &&
      pair_->leaving()->generation() == generation) {
    OnLeaving(event);
    return;
  }
  switch (event) {
    case Instance::Event::kUp:
      OnUp();
      return;
    case Instance::Event::kExecFailed:
      OnExecFailed();
      return;
    case Instance::Event::kStopped:
      if (!pair_->Overlapping()) parts_.signals->OnStopped(*pair_->current());
      return;
    case Instance::Event::kSucceeded:
      pair_->OnSucceeded();
      context_.log->Write(LogLevel::kInfo,
                          absl::StrCat("process [", pair_->last_pid(),
                                       "] is the main process now"));
      launcher_.OnProcessEnded(pair_->IsStoppingOne());
      hooks_.moved();
      return;
    case Instance::Event::kExited:
      OnExited();
      return;
    case Instance::Event::kSurvives:
      if (!EndsWithout(*pair_->current())) return;
      last_end_.Survive();
      hooks_.exited(last_end_.status());
      pair_->DropCurrent();
      hooks_.empty();
      return;
    case Instance::Event::kGone:
      // The next one waits for the sweep as well.
      if (pair_->current()->stop_requested()) {
        plan_.OnStopped(context_.loop->Now());
      }
      pair_->DropCurrent();
      // What ran below the process may have been the server.
      launcher_.OnProcessEnded(pair_->IsStoppingOne());
      if (ending_) {
        hooks_.empty();
      } else {
        parts_.post_stop->Run([this] { AfterStop(); });
      }
      return;
  }
}

void Runner::OnExecFailed() {
  const SpawnFailure& failure = pair_->current()->failure();
  const std::string line = SpawnFailureLine(failure, *options_);
  context_.observer->OnSpawnFailure(pair_->current()->pid(), failure, line);
  if (launcher_.generation() == 1) hooks_.why(line);
}

void Runner::OnUp() {
  parts_.signals->DeliverKept();
  if (!pair_->Overlapping()) FinishRestart();
  hooks_.moved();
  // Ready at once, where nothing has to be waited for, is no news.
  MarkReadyIfSo(LogLevel::kDebug);
  hooks_.again();
  release_timer_.ArmAfter(kStartEffort);
}

void Runner::MarkReadyIfSo(LogLevel level) {
  const Instance* const current = pair_->current();
  if (current == nullptr || current->state() != InstanceState::kUp) return;
  if (!current->alive()) return;
  if (!parts_.strategies->Ready()) return;
  pair_->current()->MarkReady();
  TakeOver();
  parts_.outcomes->Ready(context_.loop->Now());
  parts_.changes->ForgetFailure();
  hooks_.moved();
  const absl::Duration after =
      context_.loop->Now() - pair_->current()->started();
  context_.log->Event(level, "ready",
                      absl::StrCat("ready after ", Millis(after)),
                      {{"generation", launcher_.generation()},
                       {"pid", pair_->current()->pid()},
                       {"ready_ms", LogMillis(after)}});
}

// The new process is ready.
void Runner::TakeOver() {
  if (!pair_->Overlapping()) {
    replacement_.EndProbation(launcher_.generation());
    return;
  }
  StopForPlan(pair_->leaving());
  if (!plan_.for_failure()) plan_.Forgive();
  FinishRestart();
}

void Runner::FinishRestart() {
  const absl::Time now = context_.loop->Now();
  const Instance& up = *pair_->current();
  const auto planned = plan_.Finish(now);
  if (planned.has_value()) {
    LogRestarted(context_.log, {.generation = up.generation(),
                                .pid = up.pid(),
                                .reason = &planned->reason,
                                .stopped = planned->stopped_after,
                                .running = now - planned->began});
  } else {
    context_.log->Event(
        LogLevel::kInfo, "started",
        StartedLine(up.pid(), parts_.strategies->Names(), options_->command),
        {{"generation", launcher_.generation()}, {"pid", up.pid()}});
  }
  replacement_.OnTakenOver();
  if (planned.has_value() && planned->done) planned->done(absl::OkStatus());
  parts_.changes->OnStarted(launcher_.began());
}

void Runner::Release() {
  const bool never_again =
      !options_->Supervising() && options_->process.post_stop.empty();
  if (never_again) context_.os->ReleaseInherited();
  context_.os->ReleaseStartPages();
}

void Runner::OnExited() {
  launcher_.OnProcessEnded(pair_->IsStoppingOne());
  CountEnd(*pair_->current());
  if (pair_->Overlapping()) {
    replacement_.RollBack(
        absl::StrCat("the new process [", pair_->current()->pid(),
                     "] ended: ", pair_->current()->exit_status()->ToString()));
    return;
  }
  last_end_.Stand(*pair_->current()->exit_status());
  TakeForegroundBack(pair_->last_pid());
  // One that still drains may need the modes as they are.
  if (pair_->leaving() == nullptr) parts_.terminal->Restore();
  hooks_.exited(last_end_.status());
  parts_.changes->OnGone();
  hooks_.moved();
  if (ending_) {
    LogEnded("");
  } else if (pair_->current()->stop_requested()) {
    // Its end is logged with the restart, once the sweep is over.
  } else if (plan_.has_value() && pair_->current()->failure().error == 0) {
    LogEnded(", while another is being prepared");
  } else {
    OnEndedByItself();
  }
  if (ending_) {
    pair_->DropCurrent();
    hooks_.empty();
  } else {
    pair_->current()->CleanUp();
  }
}

// The cause of a stop is known before the end; whether the kernel killed for
// lack of memory is known after it, and of the current process alone. A process
// that was told to stop does not end for what was killed below it.
void Runner::CountEnd(const Instance& ended) {
  const ExitStatus status = *ended.exit_status();
  const bool killed = status.signal == SIGKILL;
  const bool asks = &ended == pair_->current() &&
                    (killed || (!status.Success() && !ended.stop_requested()));
  if (asks) last_end_.ForgetOomKills(oom_watch_.CountBefore(kMemoryCause));
  const std::string_view result = last_end_.Count(
      status, ended.result(), asks ? context_.os->OomKills() : std::nullopt);
  if (asks && killed && last_end_.CountedForMemory()) {
    oom_watch_.NoteMainProcess();
  }
  if (asks) oom_watch_.Look();
  parts_.post_stop->Add({status, ended.generation(), result});
}

void Runner::LogEnded(std::string_view what_now) {
  const int pid = pair_->current()->pid();
  const std::string how = last_end_.InWords();
  context_.log->Event(
      LogLevel::kInfo, "ended",
      absl::StrCat("process [", pid, "] ended: ", how, what_now),
      {{"generation", pair_->current()->generation()},
       {"pid", pid},
       {"code", last_end_.status().ShellCode()},
       {"reason", how}});
}

void Runner::OnEndedByItself() {
  const bool never_ran = pair_->current()->failure().error != 0;
  if (never_ran && launcher_.generation() == 1) {
    hooks_.end(ExitCodeOf(*options_, last_end_.status()));
    return;
  }
  parts_.outcomes->StartFailed(
      never_ran ? "the command could not be run"
                : absl::StrCat("process [", pair_->current()->pid(),
                               "] ended: ", last_end_.InWords()));
  std::optional<Reason> reason = std::exchange(asked_, std::nullopt);
  if (!reason.has_value()) reason = hooks_.should_restart(last_end_.status());
  if (reason.has_value() && reason->cause == Reason::Cause::kExit &&
      last_end_.ForMemory()) {
    reason->text = last_end_.InWords();
  }
  if (pair_->ReplacedOneDrains(launcher_.generation()) &&
      context_.loop->Now() - pair_->current()->ready_since() < kProbation) {
    // The replaced process gets no KILL: it may go on for as long as it can.
    pair_->leaving()->StopWithin(absl::InfiniteDuration());
    if (!reason.has_value()) {
      reason.emplace();
      reason->text = last_end_.InWords();
    }
  }
  if (!reason.has_value() && never_ran) {
    // Its file is being replaced, most likely: that is tried again.
    reason.emplace();
    reason->text = "the command could not be run";
  }
  if (!reason.has_value()) {
    const bool waits = options_->after_exit == AfterExit::kWait;
    LogEnded(waits ? ", waiting for a change" : "");
    if (!waits) hooks_.end(ExitCodeOf(*options_, last_end_.status()));
  } else if (Plan(*reason, reason->IsChange()
                               ? parts_.changes->BeginByStart(*reason)
                               : nullptr)) {
    LogEnded(absl::StrCat(", starting it again in ", Millis(plan_->delay)));
  } else {
    LogEnded("");
    GiveUp(reason->text);
  }
}

void Runner::AfterStop() {
  TakeForegroundBack(pair_->last_pid());
  if (pair_->empty()) parts_.terminal->Restore();
  if (ending_) {
    hooks_.empty();
    return;
  }
  hooks_.moved();
  StartIfDue();
  // Changes that came during an apply are applied together afterwards.
  if (parts_.changes->state() == ChangeState::kApplying &&
      pair_->current() == nullptr)
    return;
  hooks_.again();
}

void Runner::OnLeaving(Instance::Event event) {
  switch (event) {
    case Instance::Event::kStopped:
      if (pair_->Overlapping()) parts_.signals->OnStopped(*pair_->leaving());
      return;
    case Instance::Event::kExited:
      OnLeavingExited();
      return;
    case Instance::Event::kSurvives:
      if (!EndsWithout(*pair_->leaving())) return;
      pair_->DropLeaving();
      hooks_.empty();
      return;
    case Instance::Event::kGone:
      pair_->DropLeaving();
      launcher_.OnProcessEnded(pair_->IsStoppingOne());
      parts_.post_stop->Run([this] { AfterStop(); });
      return;
    default:
      return;
  }
}

// Nothing ends a process that waits in the kernel. While reinit stays, the next
// one waits for it, but an end of reinit that has a limit does not.
bool Runner::EndsWithout(const Instance& survivor) {
  const absl::Duration limit = options_->stop.shutdown_timeout;
  if (!ending_ || limit == absl::InfiniteDuration()) return false;
  const std::string line =
      absl::StrCat("process [", survivor.pid(),
                   "] survives SIGKILL: ending without "
                   "it, as --shutdown-timeout=",
                   absl::FormatDuration(limit), " is over");
  hooks_.why(line);
  context_.log->Write(LogLevel::kWarning, line);
  parts_.post_stop->Add(
      {{.signal = SIGKILL}, survivor.generation(), survivor.result()});
  return true;
}

void Runner::OnLeavingExited() {
  launcher_.OnProcessEnded(pair_->IsStoppingOne());
  const Instance& leaving = *pair_->leaving();
  CountEnd(leaving);
  const bool served = !leaving.stop_requested();
  context_.log->Write(
      served ? LogLevel::kInfo : LogLevel::kDebug,
      absl::StrCat("process [", leaving.pid(), "] ended: ", last_end_.text(),
                   served ? ", while another is being started" : ""));
  if (ending_) {
    pair_->DropLeaving();
    hooks_.empty();
    return;
  }
  pair_->leaving()->CleanUp();
  // From here on it is a start like any other.
  if (served && pair_->current()->state() == InstanceState::kUp) {
    FinishRestart();
  }
}

}  // namespace reinit
