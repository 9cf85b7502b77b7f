#include "supervisor/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/signals.h"
#include "reaper/terminal.h"
#include "supervisor/child_environment.h"
#include "supervisor/messages.h"

namespace reinit {
namespace {

// A process that ends sooner, or is replaced, is not worth the effort of rest.
constexpr absl::Duration kStartEffort = absl::Milliseconds(100);

// From the ABRT of a watchdog to KILL.
constexpr absl::Duration kCoreTimeout = absl::Seconds(10);

// A change that cannot be applied is tried again after so many times
// --reload-retry-delay, at the latest.
constexpr int kMaxRetryDelays = 6;

// What was found ready and ends so soon was not.
constexpr absl::Duration kProbation = absl::Seconds(10);

}  // namespace

Supervisor::Supervisor(const Context& context, const Options* options,
                       std::vector<std::string> environment,
                       std::vector<std::unique_ptr<Strategy>> strategies,
                       std::function<double()> random, NotifySocket* notify,
                       ListenSockets* sockets)
    : context_(context),
      options_(options),
      supervising_(options->Supervising()),
      on_terminal_(OnTerminal()),
      base_environment_(std::move(environment)),
      began_(context.loop->Now()),
      strategies_(std::move(strategies)),
      action_(ActionOnChange()),
      random_(std::move(random)),
      notify_(notify),
      sockets_(sockets),
      retry_timer_(context.loop, [this] { RetryChange(); }),
      drain_timer_(context.loop, [this] { Drained(); }),
      start_timer_(context.loop, [this] { StartProcess(); }),
      rest_timer_(context.loop, [this] { Rest(); }),
      environment_read_(context),
      retry_backoff_(options->reload.retry_delay,
                     kMaxRetryDelays * options->reload.retry_delay),
      backoff_(options->restart.delay, options->restart.delay_max),
      spawn_backoff_(absl::Milliseconds(100), absl::Seconds(10)),
      limit_(options->restart.limit_burst, options->restart.limit_interval),
      job_control_(context),
      zombies_(context) {}

Supervisor::~Supervisor() {
  if (notify_ != nullptr) notify_->StopListening();
}

int Supervisor::Run() {
  Startup();
  while (!ended()) context_.loop->Turn();
  return exit_code_;
}

void Supervisor::Startup() {
  const auto wake = [this](Strategy::Wake what) {
    context_.loop->Post([this, what] { OnWake(what); });
  };
  for (const auto& strategy : strategies_) strategy->Start(wake);
  if (supervising_) {
    const Upwards upwards =
        TakeUpwards(&base_environment_, context_.os->Self());
    report_.emplace(context_, options_->ready.file, upwards);
  }
  if (notify_ != nullptr) {
    const absl::Status listens = notify_->Listen(
        context_.loop, [this](pid_t sender, const NotifyMessage& message) {
          OnNotify(sender, message);
        });
    if (!listens.ok()) {
      context_.log->Write(LogLevel::kWarning, listens.message());
    }
  }
  if (options_->Sidecar()) {
    StartSidecar();
    return;
  }
  zombies_.Start();
  StartProcess();
}

// ---------------------------------------------------------------------------
// The loop

void Supervisor::OnWake(Strategy::Wake wake) {
  if (wake == Strategy::Wake::kNoticed) {
    change_ = Next(change_, ChangeInput::kNoticed);
    noticed_ = true;
    return;
  }
  MarkReadyIfSo(LogLevel::kInfo);
  for (const auto& strategy : strategies_) {
    if (const auto why = strategy->MustEnd()) {
      Fail(*why);
      return;
    }
  }
  Ask();
}

// ---------------------------------------------------------------------------
// One restart

void Supervisor::Restart(const Reason& reason, Action::OnDone done) {
  if (Overlapping()) {
    Supersede(reason, std::move(done));
    return;
  }
  if (!Plan(reason, std::move(done))) {
    if (reason.cause == Reason::Cause::kWatchdog && instance_ != nullptr) {
      StopForCore(instance_.get());
    }
    GiveUp(reason.text);
    return;
  }
  if (instance_ == nullptr || StartsFirst()) {
    // One that is being prepared comes as it is; a hook leads on to the start.
    const bool comes = Preparing() || post_stop_ != nullptr;
    if (!comes) start_timer_.ArmAfter(planned_->delay);
  } else if (other_ == nullptr || instance_->state() != InstanceState::kReady) {
    StopProcess(instance_.get());
    TellStrategies();
  }
}

// False if the restart limit is reached.
bool Supervisor::Plan(const Reason& reason, Action::OnDone done) {
  if (reason.IsFailure()) outcomes_.StartFailed(reason.text);
  const absl::Time now = context_.loop->Now();
  const bool was_stable =
      instance_ != nullptr &&
      now - instance_->ready_since() >= options_->restart.reset;
  if (was_stable || !reason.IsFailure()) backoff_.Reset();
  if (!reason.IsFailure()) limit_.Reset();
  if (reason.IsFailure() && !limit_.Take(now)) return false;
  // A reload that failed to start is still the same reload when it is retried.
  if (!done && planned_.has_value()) done = std::move(planned_->done);
  planned_ = PlannedRestart();
  planned_->reason = reason;
  planned_->done = std::move(done);
  planned_->began = now;
  planned_->replaces = ShownGeneration();
  if (reason.IsFailure()) planned_->delay = backoff_.Take(random_());
  return true;
}

void Supervisor::StopProcess(Instance* instance) {
  const StopOptions& stop = options_->stop;
  const Reason* const reason =
      planned_.has_value() ? &planned_->reason : nullptr;
  if (reason != nullptr && reason->cause == Reason::Cause::kWatchdog) {
    StopForCore(instance);
  } else if (reason != nullptr && stop.reload_signal != 0 &&
             (!reason->IsFailure() || instance == other_.get())) {
    // Nothing is wrong with it, or another serves in its place already.
    instance->Stop(stop.reload_signal, stop.timeout);
  } else {
    instance->Stop(stop.signal, stop.timeout);
  }
}

// Where it hangs is best seen in one.
void Supervisor::StopForCore(Instance* instance) {
  instance->Stop(SIGABRT, kCoreTimeout);
}

void Supervisor::GiveUp(std::string_view why) {
  end_reason_ = absl::StrCat(why, ": ", GivingUpLine(*options_));
  context_.log->Event(LogLevel::kError, "giving_up", end_reason_,
                      {{"generation", generation_}});
  outcomes_.GivenUp(why);
  if (planned_.has_value() && planned_->done) {
    planned_->done(absl::AbortedError(why));
  }
  NoteStartLimit();
  planned_.reset();
  const bool stopped_by_us = instance_ != nullptr && instance_->alive();
  if (stopped_by_us) {
    if (!instance_->stop_requested()) StopProcess(instance_.get());
    TellStrategies();
  }
  EndProbation();
  if (StaysAfterGivingUp(*options_)) return;
  const int code = last_status_.ShellCode();
  Shutdown(stopped_by_us || code == 0 ? 1 : code);
}

// ---------------------------------------------------------------------------
// The instance

void Supervisor::OnInstance(int generation, Instance::Event event) {
  if (other_ != nullptr && other_->generation() == generation) {
    OnOther(event);
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
      if (!Overlapping()) job_control_.OnStopped(*instance_);
      return;
    case Instance::Event::kSucceeded:
      last_pid_ = instance_->pid();
      context_.log->Write(
          LogLevel::kInfo,
          absl::StrCat("process [", last_pid_, "] is the main process now"));
      TellStrategies();
      return;
    case Instance::Event::kExited:
      OnExited();
      return;
    case Instance::Event::kGone:
      OnGone();
      return;
  }
}

void Supervisor::OnExecFailed() {
  const SpawnFailure& failure = instance_->failure();
  const std::string line = SpawnFailureLine(failure, *options_);
  context_.observer->OnSpawnFailure(instance_->pid(), failure, line);
  if (generation_ == 1) end_reason_ = line;
}

void Supervisor::OnUp() {
  if (instance_->alive()) {
    for (const SignalInfo& signal : early_signals_.Take()) {
      instance_->Forward(signal);
    }
  }
  if (!Overlapping()) FinishRestart();
  TellStrategies();
  // Ready at once, where nothing has to be waited for, is no news.
  MarkReadyIfSo(LogLevel::kDebug);
  AfterChange();
  rest_timer_.ArmAfter(kStartEffort);
}

void Supervisor::FinishRestart() {
  LogUp();
  has_all_before_ = start_began_;
  superseded_ = 0;
  const std::optional<PlannedRestart> planned =
      std::exchange(planned_, std::nullopt);
  if (planned.has_value()) {
    history_.Note(planned->reason, context_.loop->Now(), planned->replaces);
  }
  if (planned.has_value() && planned->done) planned->done(absl::OkStatus());
  ForgetFailure();
  ForgetChange();
}

void Supervisor::Rest() {
  const bool never_again = !supervising_ && options_->process.post_stop.empty();
  if (never_again) context_.os->ReleaseInherited();
  context_.os->ReleaseStartPages();
}

void Supervisor::LogUp() {
  const int pid = instance_->pid();
  if (planned_.has_value()) {
    LogRestarted(context_.log,
                 {.generation = instance_->generation(),
                  .pid = pid,
                  .reason = &planned_->reason,
                  .stopped = planned_->stopped_after,
                  .running = context_.loop->Now() - planned_->began});
    return;
  }
  std::vector<std::string_view> names;
  for (const auto& strategy : strategies_) names.push_back(strategy->name());
  context_.log->Event(LogLevel::kInfo, "started",
                      StartedLine(pid, names, options_->command),
                      {{"generation", generation_}, {"pid", pid}});
}

void Supervisor::OnExited() {
  NoteOomKill(*instance_->exit_status());
  NoteExit(*instance_);
  if (Overlapping()) {
    RollBack(absl::StrCat("the new process [", instance_->pid(),
                          "] ended: ", instance_->exit_status()->ToString()));
    return;
  }
  last_status_ = *instance_->exit_status();
  TakeForegroundBack(last_pid_);
  drain_timer_.Cancel();
  action_->OnGone();
  TellStrategies();
  last_exit_ = EndText();
  if (end_ != End::kStaying) {
    if (down_signal_ != 0) exit_code_ = ExitCodeOf(last_status_);
    LogEnded("");
  } else if (instance_->stop_requested()) {
    if (planned_.has_value()) {
      planned_->stopped_after = context_.loop->Now() - planned_->began;
    }
  } else if (planned_.has_value() && instance_->failure().error == 0) {
    LogEnded(", while another is being prepared");
  } else {
    OnEndedByItself();
  }
  if (end_ != End::kStaying) {
    DropInstance(instance_);
    Finish();
  } else {
    instance_->CleanUp();
  }
}

void Supervisor::OnEndedByItself() {
  const bool never_ran = instance_->failure().error != 0;
  if (never_ran && generation_ == 1) {
    Shutdown(ExitCodeOf(last_status_));
    return;
  }
  outcomes_.StartFailed(never_ran ? "the command could not be run"
                                  : absl::StrCat("process [", instance_->pid(),
                                                 "] ended: ", EndText()));
  std::optional<Reason> reason = std::exchange(asked_restart_, std::nullopt);
  if (!reason.has_value()) reason = ShouldRestart(last_status_);
  if (ReplacedOneDrains() &&
      context_.loop->Now() - instance_->ready_since() < kProbation) {
    // The one that it replaced is asked to go on for as long as it can.
    other_->StopWithin(absl::InfiniteDuration());
    if (!reason.has_value()) {
      reason.emplace();
      reason->text = EndText();
    }
  }
  if (!reason.has_value() && never_ran) {
    // Its file is being replaced, most likely: that is tried again.
    reason.emplace();
    reason->text = "the command could not be run";
  }
  if (reason.has_value() && !reason->IsFailure()) Adopt(*reason);
  if (!reason.has_value()) {
    const bool waits = options_->after_exit == AfterExit::kWait;
    LogEnded(waits ? ", waiting for a change" : "");
    if (!waits) Shutdown(ExitCodeOf(last_status_));
  } else if (Plan(*reason,
                  reason->IsFailure() ? nullptr : ThenAct(BeginChange()))) {
    LogEnded(absl::StrCat(", starting it again in ", Millis(planned_->delay)));
  } else {
    LogEnded("");
    GiveUp(reason->text);
  }
}

void Supervisor::LogEnded(std::string_view what_now) {
  const int pid = instance_->pid();
  const std::string how = EndText();
  context_.log->Event(
      LogLevel::kInfo, "ended",
      absl::StrCat("process [", pid, "] ended: ", how, what_now),
      {{"generation", instance_->generation()},
       {"pid", pid},
       {"code", last_status_.ShellCode()},
       {"reason", how}});
}

void Supervisor::OnGone() {
  DropInstance(instance_);
  if (end_ != End::kStaying) {
    Finish();
    return;
  }
  RunPostStop(&Supervisor::AfterStop);
}

void Supervisor::AfterStop() {
  TakeForegroundBack(last_pid_);
  if (end_ != End::kStaying) {
    Finish();
    return;
  }
  TellStrategies();
  if (StartIsDue()) start_timer_.ArmAfter(planned_->delay);
  // What changed while a change was being applied is one more, afterwards.
  if (change_ == ChangeState::kApplying && instance_ == nullptr) return;
  AfterChange();
}

// It may be the caller, so it can go only when it has returned.
void Supervisor::DropInstance(std::unique_ptr<Instance>& instance) {
  context_.loop->Post([gone = std::move(instance)] {});
}

void Supervisor::OnReaped() {
  if (instance_ != nullptr) instance_->OnReaped();
  if (other_ != nullptr) other_->OnReaped();
  if (final_sweep_.has_value()) final_sweep_->Look();
}

std::string Supervisor::StateName() const {
  if (end_ == End::kEnded) return "ended";
  if (end_ == End::kEnding) return "ending";
  if (Preparing()) return "starting";
  if (options_->Sidecar()) return SidecarState();
  if (instance_ == nullptr && start_timer_.armed()) return "backoff";
  if (planned_.has_value()) {
    return planned_->reason.IsFailure() ? "restarting" : "reloading";
  }
  if (instance_ == nullptr) return "waiting";
  return std::string(ToString(instance_->state()));
}

}  // namespace reinit
