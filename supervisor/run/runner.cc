#include "supervisor/run/runner.h"

#include <signal.h>

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/messages.h"

namespace reinit {
namespace {

// From the ABRT of a watchdog to KILL.
constexpr absl::Duration kCoreTimeout = absl::Seconds(10);

// So often the first start is tried again where a limit of our own is met.
constexpr int kLimitTries = 3;

// Not even the first process could be forked.
constexpr int kExitCannotStart = 1;

// A core shows where the process hangs.
void StopForCore(Instance* instance) {
  instance->Stop(SIGABRT, kCoreTimeout, /*flag=*/"");
}

// Whether anybody is told why the process has ended: else it does not matter
// whether the kernel killed for lack of memory.
bool TellsEnds(const Context& context, const Options& options) {
  return options.Supervising() || !options.process.post_stop.empty() ||
         !options.termination_log.empty() ||
         context.log->Enabled(LogLevel::kInfo);
}

}  // namespace

Runner::Runner(const Context& context, const Options* options,
               const Parts& parts, std::vector<std::string> environment,
               const std::function<double()>* random, Hooks hooks)
    : context_(context),
      options_(options),
      parts_(parts),
      random_(random),
      hooks_(std::move(hooks)),
      began_(context.loop->Now()),
      pair_(parts.pair),
      start_timer_(context.loop, [this] { Start(); }),
      release_timer_(context.loop, [this] { Release(); }),
      plan_(options->restart, random),
      launcher_(
          context, options, {parts.strategies, parts.notify, parts.sockets},
          std::move(environment), [this] { return plan_.reason(); },
          [this](int generation, Instance::Event event) {
            OnInstance(generation, event);
          },
          [this](Launcher::Event event) { OnLauncher(event); }),
      oom_watch_(context),
      replacement_(context, options,
                   {pair_, &plan_, parts.changes, parts.outcomes, &last_end_},
                   {.moved = [this] { hooks_.moved(); },
                    .again = [this] { hooks_.again(); },
                    .start_if_due = [this] { StartIfDue(); },
                    .give_up = [this](std::string_view why) { GiveUp(why); }}) {
}

void Runner::BeginEnd() {
  ending_ = true;
  // Reinit ends with what the process that serves ends with.
  pair_->Settle();
  plan_.Drop();
  start_timer_.Cancel();
  launcher_.End();
}

bool Runner::Done() const {
  return pair_->empty() && !launcher_.hook_runs() &&
         !parts_.post_stop->running();
}

void Runner::PrepareSidecar(std::function<void()> then) {
  launcher_.MarkSidecar();
  launcher_.ReadEnvironment(std::move(then));
}

int ExitCodeOf(const Options& options, const ExitStatus& status) {
  return options.success.Contains(status) ? 0 : status.ShellCode();
}

bool Runner::CanAct() const {
  if (ending_) return false;
  if (launcher_.busy() || parts_.post_stop->running()) return false;
  if (pair_->current() == nullptr) return true;
  const InstanceState state = pair_->current()->state();
  // While the old process drains, a ready new one is left alone.
  if (pair_->leaving() != nullptr) {
    return state == InstanceState::kUp &&
           pair_->ReplacedOneDrains(launcher_.generation());
  }
  return state == InstanceState::kUp || state == InstanceState::kReady;
}

InstanceView Runner::ViewNow() const {
  InstanceView view;
  view.generation = launcher_.generation();
  if (pair_->current() != nullptr) {
    view.generation = pair_->current()->generation();
    view.mark = pair_->current()->mark();
    view.state = pair_->current()->state();
    view.pid = pair_->current()->pid();
    view.group = pair_->current()->first_pid();
  }
  view.shares_sockets = pair_->leaving() != nullptr &&
                        parts_.sockets != nullptr && !parts_.sockets->empty();
  return view;
}

void Runner::Restart(const Reason& reason, Action::OnDone done) {
  if (pair_->Overlapping()) {
    replacement_.Supersede(reason);
    Plan(reason, std::move(done));
    replacement_.Withdraw();
    return;
  }
  if (!Plan(reason, std::move(done))) {
    if (reason.cause == Reason::Cause::kWatchdog &&
        pair_->current() != nullptr) {
      StopForCore(pair_->current());
    }
    GiveUp(reason.text);
    return;
  }
  if (pair_->current() == nullptr || StartsFirst()) {
    // A start that is being prepared goes on; a hook leads on to the start.
    const bool comes = launcher_.busy() || parts_.post_stop->running();
    if (!comes) start_timer_.ArmAfter(plan_->delay);
  } else if (pair_->leaving() == nullptr ||
             pair_->current()->state() != InstanceState::kReady) {
    StopForPlan(pair_->current());
    hooks_.moved();
  }
}

void Runner::AskRestart(const Reason& reason) {
  if (CanAct()) {
    Restart(reason, nullptr);
    return;
  }
  const Instance* const current = pair_->current();
  const bool on_its_way =
      plan_.has_value() || launcher_.busy() ||
      (current != nullptr && current->state() == InstanceState::kStarting);
  if (!on_its_way) asked_ = reason;
}

bool Runner::RestartIfAsked() {
  if (!asked_.has_value()) return false;
  Restart(*std::exchange(asked_, std::nullopt), nullptr);
  return true;
}

void Runner::JudgeReplacement() {
  if (!pair_->Overlapping()) return;
  if (pair_->current()->state() != InstanceState::kUp) return;
  const std::optional<Reason> reason = hooks_.should_restart(std::nullopt);
  if (!reason.has_value()) return;
  NoteCause(*reason);
  if (reason->cause == Reason::Cause::kAge) {
    // Its strategy says so once, but nothing is to be replaced yet.
    asked_ = *reason;
  } else {
    replacement_.Judge(*reason);
  }
}

// False if the restart limit is reached.
bool Runner::Plan(const Reason& reason, Action::OnDone done) {
  if (reason.IsFailure()) parts_.outcomes->StartFailed(reason.text);
  const absl::Time now = context_.loop->Now();
  const bool was_stable =
      pair_->current() != nullptr &&
      now - pair_->current()->ready_since() >= options_->restart.reset;
  return plan_.Make(reason, std::move(done), was_stable, ShownGeneration(),
                    now);
}

void Runner::StopForPlan(Instance* instance) {
  launcher_.OnProcessStopping();
  const StopOptions& stop = options_->stop;
  const Reason* const reason = plan_.reason();
  if (reason != nullptr && reason->cause == Reason::Cause::kWatchdog) {
    StopForCore(instance);
  } else if (reason != nullptr && stop.reload_signal != 0 &&
             (!reason->IsFailure() || instance == pair_->leaving())) {
    // Nothing is wrong with this process, or another serves in its place.
    instance->Stop(stop.reload_signal, stop.timeout);
  } else {
    instance->Stop(stop.signal, stop.timeout);
  }
}

void Runner::GiveUp(std::string_view why) {
  const std::string reason = absl::StrCat(why, ": ", GivingUpLine(*options_));
  hooks_.why(reason);
  context_.log->Event(LogLevel::kError, "giving_up", reason,
                      {{"generation", launcher_.generation()}});
  parts_.outcomes->GivenUp(why);
  plan_.TellFailed(why);
  NoteStartLimit();
  plan_.Drop();
  const bool stopped_by_us =
      pair_->current() != nullptr && pair_->current()->alive();
  if (stopped_by_us) {
    if (!pair_->current()->stop_requested()) StopForPlan(pair_->current());
    hooks_.moved();
  }
  replacement_.EndProbation(launcher_.generation());
  if (StaysAfterGivingUp(*options_)) return;
  const int code = last_end_.status().ShellCode();
  hooks_.end(stopped_by_us || code == 0 ? 1 : code);
}

void Runner::NoteCause(const Reason& reason) {
  if (pair_->current() == nullptr) return;
  if (reason.cause == Reason::Cause::kWatchdog) {
    pair_->current()->NoteResult("watchdog");
  } else if (reason.cause == Reason::Cause::kNotReady) {
    pair_->current()->NoteResult("timeout");
  }
}

// For the process whose end, or state, was one failure too many.
void Runner::NoteStartLimit() {
  constexpr std::string_view kResult = "start-limit-hit";
  if (pair_->current() == nullptr) return;
  if (pair_->current()->alive()) {
    pair_->current()->ReplaceResult(kResult);
    return;
  }
  parts_.post_stop->ReplaceResult(pair_->current()->generation(), kResult);
}

void Runner::StopProcesses() {
  pair_->ForEachAlive([this](Instance* one) {
    if (!one->stop_requested()) StopForPlan(one);
  });
  replacement_.EndProbation(launcher_.generation());
}

void Runner::StopHooks(const SignalInfo& signal) {
  launcher_.StopHook(signal.signo);
  if (signal.signo == SIGKILL) parts_.post_stop->KillNow();
}

// A process that is not ready has nothing to hand over.
bool Runner::StartsFirst() const {
  return options_->restart.order == RestartOptions::Order::kStartFirst &&
         pair_->StandsAlone();
}

// A planned start that waits for nothing any more begins its delay.
void Runner::StartIfDue() {
  const bool due = plan_.has_value() && !launcher_.busy() &&
                   !start_timer_.armed() &&
                   (pair_->current() == nullptr || StartsFirst());
  if (due) start_timer_.ArmAfter(plan_->delay);
}

void Runner::Start() {
  start_timer_.Cancel();
  const Reason* change = nullptr;
  if (plan_.awaited()) {
    change =
        plan_->reason.IsChange() ? &plan_->reason : &parts_.changes->current();
  }
  parts_.outcomes->Start(plan_.reason(), change, parts_.changes->StartWillDo(),
                         plan_.has_value() ? plan_->began : began_);
  asked_.reset();
  // What the kernel kills is told once, not by each worker.
  const bool tells = options_->Supervising() && options_->workers.self <= 1;
  if (tells) oom_watch_.Start();
  // Again, for what has written to the terminal since the last end.
  if (pair_->empty()) parts_.terminal->Restore();
  launcher_.Begin();
}

void Runner::OnLauncher(Launcher::Event event) {
  switch (event) {
    case Launcher::Event::kForking:
      says_it_stops_ = false;
      last_end_.OnStart(TellsEnds(context_, *options_) ? context_.os->OomKills()
                                                       : std::nullopt);
      return;
    case Launcher::Event::kLaunched:
      pair_->Add(launcher_.Take());
      context_.observer->OnSpawned(pair_->last_pid());
      return;
    case Launcher::Event::kNoProcess:
      OnNoProcess(launcher_.status());
      return;
    case Launcher::Event::kHookFailed:
      OnPreStartFailed(launcher_.hook());
      return;
    case Launcher::Event::kHookDone:
      // A change that came meanwhile may be the cure.
      hooks_.again();
      return;
    case Launcher::Event::kDropped:
      hooks_.empty();
      return;
  }
}

// No process was made: the fork, or reading --env-file, failed. That mostly
// passes (EAGAIN, ENOMEM).
void Runner::OnNoProcess(const absl::Status& why) {
  // A limit of our own (EMFILE) may pass, too, but not for long.
  const bool passes =
      absl::IsUnavailable(why) || absl::IsResourceExhausted(why) ||
      (absl::IsFailedPrecondition(why) && ++limit_met_ <= kLimitTries);
  const std::string problem =
      absl::StrCat("cannot start a process (", why.message(), ")");
  if (launcher_.generation() == 0 && !passes) {
    context_.log->Write(LogLevel::kError, problem);
    hooks_.end(kExitCannotStart);
    return;
  }
  const absl::Duration delay = launcher_.RetryDelay((*random_)());
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat(problem, ": trying again in ", Millis(delay)));
  start_timer_.ArmAfter(delay);
}

void Runner::OnPreStartFailed(const Job::Result& result) {
  Reason reason;
  reason.text = absl::StrCat("--pre-start: ", result.text);
  if (launcher_.generation() == 0 && !StaysAfterGivingUp(*options_)) {
    const std::string line = absl::StrCat(reason.text, ": not starting");
    hooks_.why(line);
    context_.log->Write(LogLevel::kError, line);
    hooks_.end(result.ShellCode());
  } else if (pair_->current() != nullptr && pair_->current()->alive()) {
    replacement_.Retry(reason.text);
  } else if (Plan(reason, nullptr)) {
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat(reason.text, ", trying again in ", Millis(plan_->delay)));
    start_timer_.ArmAfter(plan_->delay);
  } else {
    context_.log->Write(LogLevel::kWarning, reason.text);
    GiveUp(reason.text);
  }
}

std::string Runner::StateName() const {
  const Instance* const current = pair_->current();
  if (launcher_.busy()) return "starting";
  if (current == nullptr && start_timer_.armed()) return "backoff";
  if (plan_.has_value())
    return plan_.for_failure() ? "restarting" : "reloading";
  if (current == nullptr) return "waiting";
  return std::string(ToString(current->state()));
}

void Runner::Describe(absl::Time now, Status* status) const {
  status->generation = ShownGeneration();
  status->exits = last_end_.count();
  status->last_exit = last_end_.text();
  status->oom_kills = oom_watch_.count();
  status->change_queued = status->change_queued || asked_.has_value();
  pair_->Describe(now, status);
  plan_.Describe(now, status);
  if (start_timer_.armed()) status->next_start = start_timer_.deadline() - now;
  if (launcher_.hook_runs()) {
    status->awaited = {"--pre-start", now - launcher_.hook_started()};
  } else if (parts_.post_stop->running()) {
    status->awaited = {"--post-stop", now - parts_.post_stop->started()};
  }
}

// While two overlap, the generation of the one that serves.
int Runner::ShownGeneration() const {
  const Instance* const serving = pair_->Serving();
  return serving != nullptr ? serving->generation() : launcher_.generation();
}

}  // namespace reinit
