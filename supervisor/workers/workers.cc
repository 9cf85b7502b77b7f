#include "supervisor/workers/workers.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/self/terminal.h"
#include "reaper/value/signals.h"
#include "supervisor/messages.h"
#include "supervisor/run/environment.h"

namespace reinit {
namespace {

// --reload-check may be a build.
constexpr absl::Duration kReloadCheckTimeout = absl::Minutes(5);

// A change that replaces no process is for all workers at once.
bool Restarts(const ReloadOptions& reload) {
  return reload.on_change.empty() ||
         std::any_of(reload.on_change.begin(), reload.on_change.end(),
                     [](const ChangeAction& action) {
                       return action.kind == ChangeAction::Kind::kRestart;
                     });
}

}  // namespace

Workers::Workers(const Context& context, const Options* options,
                 std::vector<std::unique_ptr<Strategy>> shared,
                 WorkerParts parts)
    : context_(context),
      options_(options),
      began_(context.loop->Now()),
      on_terminal_(OnTerminal()),
      parts_(std::move(parts)),
      upwards_(TakeUpwards(&parts_.environment, context.os->Self())),
      shared_(std::move(shared)),
      roll_(options->workers.parallelism, options->workers.monitor),
      judge_(context.loop, [this] { Judge(); }),
      zombies_(context),
      closing_(context, options, /*post_stop=*/nullptr,
               [this] { return LastWords(); }) {}

Workers::~Workers() = default;

int Workers::Run() {
  Startup();
  while (!ended()) context_.loop->Turn();
  return end_.exit_code;
}

void Workers::Startup() {
  if (!options_->workers.count_reason.empty()) {
    context_.log->Write(LogLevel::kInfo,
                        absl::StrCat("workers: ", options_->workers.count, " (",
                                     options_->workers.count_reason, ")"));
  }
  shared_.Start([this](Strategy::Wake what) {
    context_.loop->Post([this, what] { OnWake(what); });
  });
  WarnOfMissingProc(context_);
  report_.emplace(context_, options_->ready.file, upwards_);
  zombies_.Start();
  for (int i = 0; i < options_->workers.count; ++i) AddWorker();
}

void Workers::AddWorker() {
  const int number = workers_.empty() ? 1 : workers_.back()->number() + 1;
  workers_.push_back(std::make_unique<Worker>(context_, *options_, number,
                                              parts_, [this] { Moved(); }));
  workers_.back()->Start();
}

// Its own sockets, if each worker has some.
absl::Status Workers::AddSlot() {
  if (parts_.sockets == nullptr) return absl::OkStatus();
  const std::vector<std::string> errors = parts_.sockets->AddSlot();
  if (errors.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrJoin(errors, "; "));
}

Worker* Workers::Find(int number) const {
  for (const auto& worker : workers_) {
    if (worker->number() == number && !worker->retired()) return worker.get();
  }
  return nullptr;
}

int Workers::Active() const {
  return static_cast<int>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const auto& worker) { return !worker->retired(); }));
}

// ---- What is for all.

void Workers::OnWake(Strategy::Wake wake) {
  if (wake == Strategy::Wake::kNoticed || end_.begun) return;
  if (const auto why = shared_.MustEnd()) {
    EndFor(*why, 1);
    return;
  }
  while (const auto reason = shared_.ShouldRestart(ViewOfAll())) {
    if (reason->cause == Reason::Cause::kHealth) {
      ActOnHealth(*reason);
    } else {
      Relay(*reason, /*restart=*/false);
    }
    if (end_.begun) return;
  }
  Moved();
}

// --health-on-failure of a check that does not say which worker it is about.
void Workers::ActOnHealth(const Reason& reason) {
  using What = OnUnhealthy::What;
  const OnUnhealthy& act = options_->health.on_failure;
  const std::string what = absl::StrCat("unhealthy: ", reason.text);
  switch (act.what) {
    case What::kRestart:
      Relay(reason, /*restart=*/true);
      return;
    case What::kExit:
      EndFor(what, 1);
      return;
    case What::kSignal:
      context_.log->Event(
          LogLevel::kWarning, "unhealthy",
          absl::StrCat(what, ": sending ", SignalName(act.signal)),
          {{"reason", reason.text}});
      AskSignal(act.signal).IgnoreError();
      return;
    case What::kNone:
      context_.log->Event(LogLevel::kWarning, "unhealthy", what,
                          {{"reason", reason.text}});
      return;
  }
}

void Workers::Relay(const Reason& reason, bool restart) {
  if (restart || options_->reload.check.empty()) {
    Apply(reason, restart);
    return;
  }
  // What comes during a check needs one of its own.
  const std::optional<Reason> before = std::exchange(unchecked_, reason);
  if (before.has_value()) unchecked_->files.Precede(before->files);
  if (check_ == nullptr) Check();
}

void Workers::Check() {
  const Reason reason = *std::exchange(unchecked_, std::nullopt);
  check_ = std::make_unique<Job>(
      context_, options_->reload.check,
      OverlayEntries(parts_.environment, options_->process.environment),
      kReloadCheckTimeout, Job::Output::kShown,
      [this, reason](const Job::Result& result) { OnCheck(reason, result); });
  check_->Start();
}

void Workers::OnCheck(const Reason& reason, const Job::Result& result) {
  // The job is the caller: it is destroyed once it has returned.
  context_.loop->Post([gone = std::move(check_)] {});
  if (end_.begun) return Moved();
  if (unchecked_.has_value()) {
    unchecked_->files.Precede(reason.files);
    Check();
  } else if (result.Success()) {
    Apply(reason, /*restart=*/false);
  } else {
    context_.log->Event(
        LogLevel::kWarning, "reload_refused",
        absl::StrCat("--reload-check: ", result.text, ": not applying ",
                     reason.text, ", waiting for the next change"),
        {{"cause", ToString(reason.cause)},
         {"reason", reason.text},
         {"changed", reason.changed}});
    outcomes_.Count(absl::FailedPreconditionError(
        absl::StrCat(reason.text, ": --reload-check: ", result.text)));
  }
}

void Workers::Apply(const Reason& reason, bool restart) {
  for (const ChangeAction& action : options_->reload.on_change) {
    if (restart || action.kind != ChangeAction::Kind::kExit) continue;
    EndFor(absl::StrCat(reason.text, ": --on-change=exit"), action.value);
    return;
  }
  if (!roll_.under_way() || roll_.stopped()) {
    roll_began_ = context_.loop->Now();
    replaced_.clear();
  }
  change_ = reason.text;
  for (const auto& worker : workers_) worker->Keep(reason, restart);
  if (!restart && !Restarts(options_->reload)) {
    // Nobody is away for it, so all are told at once.
    for (const auto& worker : workers_) {
      if (!worker->gone()) worker->Take();
    }
  }
  roll_.Renew();
  Moved();
}

// The generation changes with each start of a worker, so that a health check of
// the whole begins again.
InstanceView Workers::ViewOfAll() const {
  InstanceView view;
  for (const auto& worker : workers_) {
    view.generation += worker->supervisor()->last_pid();
  }
  const int serving = Serving();
  view.state = serving > 0 ? InstanceState::kReady : InstanceState::kStarting;
  return view;
}

// ---- After something has moved.

void Workers::Moved() {
  if (!end_.closing) judge_.ArmAfter(absl::ZeroDuration());
}

void Workers::Judge() {
  if (end_.begun) return Finish();
  JudgeEnds();
  if (end_.begun) return;
  shared_.OnInstance(ViewOfAll());
  Turn();
  ShowReady();
}

void Workers::JudgeEnds() {
  // The numbers of those that go are the highest.
  while (workers_.back()->retired() && workers_.back()->gone()) {
    workers_.pop_back();
    if (parts_.sockets != nullptr) parts_.sockets->RemoveSlot();
  }
  for (const auto& worker : workers_) {
    if (worker->TakeReturn()) worker->Start();
  }
  int left = 0;
  for (const auto& worker : workers_) left += worker->gone() ? 0 : 1;
  for (const auto& worker : workers_) {
    if (!worker->TakeEnd()) continue;
    // No connection is to wait for it.
    if (parts_.sockets != nullptr) parts_.sockets->CloseSlot(worker->number());
    context_.log->Event(
        LogLevel::kWarning, "worker_ended",
        absl::StrCat("worker ", worker->number(), " has ended for good; ", left,
                     " of ", Active(), " workers are left"),
        {{"worker", worker->number()}, {"left", left}});
  }
  if (left == 0) {
    BeginEnd();
    Finish();
  }
}

// Gives the change to those whose turn it is.
void Workers::Turn() {
  std::vector<Roll::Worker> looks;
  std::optional<std::string> failure;
  for (const auto& worker : workers_) {
    if (worker->retired()) continue;
    looks.push_back(worker->Look());
    if (auto why = worker->TakeFailure()) failure = std::move(why);
  }
  if (failure.has_value()) {
    outcomes_.Count(absl::FailedPreconditionError(*failure));
  }
  const bool was_under_way = roll_.under_way();
  const bool was_stopped = roll_.stopped();
  const Roll::Step step =
      roll_.Next(looks, shared_.Ready(), context_.loop->Now());
  for (const int number : step.take) {
    Find(number)->Take();
    replaced_.insert(number);
  }
  if (!step.take.empty()) {
    Moved();
  } else if (step.look_again != absl::InfiniteFuture()) {
    judge_.ArmAt(step.look_again);
  }
  if (roll_.stopped() && !was_stopped) {
    const std::string why =
        absl::StrCat(change_,
                     ": a replaced worker has failed: the others keep "
                     "what they have until the next change");
    context_.log->Event(LogLevel::kError, "roll_stopped", why,
                        {{"reason", change_}});
    outcomes_.Count(absl::FailedPreconditionError(why));
  } else if (was_under_way && !roll_.under_way()) {
    OnRolled(looks);
  }
}

void Workers::OnRolled(absl::Span<const Roll::Worker> workers) {
  const auto failed =
      std::find_if(workers.begin(), workers.end(),
                   [](const Roll::Worker& worker) { return worker.failed; });
  if (failed != workers.end()) {
    outcomes_.Count(absl::FailedPreconditionError(
        absl::StrCat(change_, ": worker ", failed->number, " has failed")));
    return;
  }
  outcomes_.Count(absl::OkStatus());
  if (replaced_.empty()) return;
  const absl::Duration took = context_.loop->Now() - roll_began_;
  context_.log->Event(LogLevel::kInfo, "rolled",
                      absl::StrCat(change_, ": replaced ", replaced_.size(),
                                   " workers in ", Millis(took)),
                      {{"reason", change_},
                       {"workers", static_cast<int64_t>(replaced_.size())},
                       {"took_ms", LogMillis(took)}});
}

int Workers::Serving() const {
  return static_cast<int>(std::count_if(
      workers_.begin(), workers_.end(),
      [](const auto& worker) { return worker->supervisor()->Serves(); }));
}

int Workers::Alive() const {
  return static_cast<int>(
      std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) {
        return !worker->retired() && !worker->gone();
      }));
}

bool Workers::Serves() const {
  // One that has ended for good is not waited for.
  const int all = std::max(1, Alive());
  const int asked = options_->workers.ready;
  const int needed = asked > 0 ? std::min(asked, all) : was_ready_ ? 1 : all;
  const bool well = was_ready_ || shared_.Ready();
  return !end_.begun && well && Serving() >= needed;
}

void Workers::ShowReady() {
  const bool serves = Serves();
  if (serves && !std::exchange(was_ready_, true)) {
    const absl::Duration after = context_.loop->Now() - began_;
    context_.log->Event(
        LogLevel::kInfo, "workers_ready",
        absl::StrCat(Serving(), " of ", Active(), " workers are ready after ",
                     Millis(after)),
        {{"workers", Serving()}, {"ready_ms", LogMillis(after)}});
  }
  report_->Show(serves, StateName());
}

// ---- Signals and the end.

SignalRoute Workers::RouteOf(const SignalInfo& received) const {
  SignalFacts facts;
  facts.reload_signal = options_->reload.signal;
  if (received.code != SI_KERNEL) facts.stop_signal = options_->stop.signal;
  facts.staying = !end_.begun;
  facts.supervising = true;
  facts.hung_up = received.signo == SIGHUP && on_terminal_ && !OnTerminal();
  facts.serves = true;
  return reinit::RouteOf(
      received.signo,
      SentFor(received.signo, options_->signals.rewrite, options_->stop.signal),
      facts);
}

// As unicorn does.
bool Workers::Scales(int signo) {
  if (!options_->workers.scale_signals || end_.begun) return false;
  if (signo != SIGTTIN && signo != SIGTTOU) return false;
  const absl::Status scaled = AskScale(Active() + (signo == SIGTTIN ? 1 : -1));
  if (!scaled.ok()) {
    context_.log->Write(
        LogLevel::kWarning,
        absl::StrCat(SignalName(signo), ": ", scaled.message()));
  }
  return true;
}

void Workers::OnSignal(const SignalInfo& received) {
  if (Scales(received.signo)) return;
  const std::string name = SignalName(received.signo);
  switch (RouteOf(received)) {
    case SignalRoute::kReload: {
      Reason reason;
      reason.cause = Reason::Cause::kSignal;
      reason.text = name;
      Relay(reason, /*restart=*/false);
      return;
    }
    case SignalRoute::kDown:
      if (!end_.begun) {
        context_.log->Event(LogLevel::kInfo, "stopping",
                            absl::StrCat(name, ": stopping"),
                            {{"signal", name}});
        end_.reason = absl::StrCat("stopped by ", name);
        BeginEnd();
      }
      break;
    case SignalRoute::kForward:
    case SignalRoute::kKeep:
    case SignalRoute::kDrop:
      break;
  }
  for (const auto& worker : workers_) worker->OnSignal(received);
  Moved();
}

void Workers::BeginEnd() {
  if (end_.begun) return;
  end_.begun = true;
  if (check_ != nullptr) check_->Signal(SIGTERM);
  shared_.Clear();
  report_->Stopping();
  ShowReady();
  outcomes_.Answer(AboutToEnd());
}

// Not because somebody has asked for it.
void Workers::EndFor(const std::string& why, int exit_code) {
  if (end_.begun) return;
  context_.log->Event(LogLevel::kError, "failed", why, {{"reason", why}});
  end_.fixed = true;
  end_.exit_code = exit_code;
  end_.reason = why;
  BeginEnd();
  for (const auto& worker : workers_) worker->supervisor()->EndNow(exit_code);
  Moved();
}

void Workers::Finish() {
  const bool left =
      std::any_of(workers_.begin(), workers_.end(),
                  [](const auto& worker) { return !worker->gone(); });
  if (left || check_ != nullptr) return;
  if (std::exchange(end_.closing, true)) return;
  for (const auto& worker : workers_) {
    if (end_.fixed) break;
    end_.exit_code =
        std::max(end_.exit_code, worker->supervisor()->exit_code());
  }
  Closing::Last last;
  last.adopts =
      options_->subreaper != Subreaper::kNo || context_.os->Self() == 1;
  last.exit_code = end_.exit_code;
  closing_.set_on_closed([this] {
    if (parts_.finish) {
      parts_.finish([this] { end_.finished = true; });
    } else {
      end_.finished = true;
    }
  });
  closing_.Begin(last);
}

// For --termination-log.
std::string Workers::LastWords() const {
  std::string text;
  for (const auto& worker : workers_) {
    const Status::Worker status = worker->Describe();
    absl::StrAppend(&text, "worker ", status.number,
                    " ended: ", status.last_exit, "\n");
  }
  if (!end_.reason.empty()) absl::StrAppend(&text, end_.reason, "\n");
  return text;
}

void Workers::OnReaped() {
  for (const auto& worker : workers_) worker->OnReaped();
  closing_.OnReaped();
}

void Workers::ReadMessages() {
  for (const auto& worker : workers_) worker->ReadMessages();
}

}  // namespace reinit
