#include "supervisor/supervisor.h"

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/self/terminal.h"
#include "reaper/value/signals.h"
#include "supervisor/ending/signal_route.h"

namespace reinit {
namespace {

// What ends a hook, for which --stop-signal is not meant.
int StopsAnything(int signo) {
  return signo == SIGINT || signo == SIGQUIT || signo == SIGHUP ? signo
                                                                : SIGTERM;
}

bool StopsForTerminal(int signo) {
  return signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

// Anybody can cause one.
constexpr absl::Duration kStrangerWarnings = absl::Minutes(1);

}  // namespace

Supervisor::Supervisor(const Context& context, const Options* options,
                       std::vector<std::string> environment,
                       std::vector<std::unique_ptr<Strategy>> strategies,
                       std::function<double()> random, NotifySocket* notify,
                       ListenSockets* sockets)
    : context_(context),
      options_(options),
      supervising_(options->Supervising()),
      began_(context.loop->Now()),
      notify_(notify),
      sockets_(sockets),
      undecided_(
          context,
          [this](const Undecided::Message& message) { OnDecided(message); }),
      upwards_(supervising_ ? TakeUpwards(&environment, context.os->Self())
                            : Upwards()),
      random_(std::move(random)),
      strategies_(std::move(strategies)),
      pair_(context),
      signals_(context, &pair_, options->process.background),
      post_stop_(context, options,
                 [this](int generation) {
                   return runner_.launcher().Environment(generation);
                 }),
      changes_(context, options, &outcomes_, &random_, ChangeHooks()),
      runner_(context, options,
              {&strategies_, &changes_, &outcomes_, &pair_, &signals_,
               &post_stop_, &terminal_, notify, sockets},
              std::move(environment), &random_, RunnerHooks()),
      stop_order_(context, options, &pair_),
      closing_(context, options, &post_stop_, [this] { return LastWords(); }),
      zombies_(context) {}

Runner::Hooks Supervisor::RunnerHooks() {
  Runner::Hooks hooks;
  hooks.should_restart = [this](const std::optional<ExitStatus>& ended) {
    return ShouldRestart(ended);
  };
  hooks.moved = [this] { TellStrategies(); };
  hooks.again = [this] { AfterChange(); };
  hooks.exited = [this](const ExitStatus& status) {
    stop_order_.Cancel();
    if (end_ == End::kStaying || stop_order_.signo() == 0) return;
    exit_code_ = ExitCodeOf(*options_, status);
  };
  hooks.why = [this](const std::string& why) { end_reason_ = why; };
  hooks.end = [this](int code) { Shutdown(code); };
  hooks.empty = [this] { Finish(); };
  return hooks;
}

Supervisor::~Supervisor() {
  if (notify_ != nullptr) notify_->StopListening();
}

int Supervisor::Run() {
  Startup();
  while (!ended()) context_.loop->Turn();
  // What was left of the process has ended only now.
  if (supervising_ && pair_.last_pid() != 0) {
    TakeForegroundBack(pair_.last_pid());
    terminal_.Restore();
  }
  return exit_code_;
}

void Supervisor::Startup() {
  const auto wake = [this](Strategy::Wake what) {
    context_.loop->Post([this, what] { OnWake(what); });
  };
  strategies_.Start(wake);
  if (supervising_) {
    WarnOfMissingProc();
    report_.emplace(context_, options_->ready.file, upwards_);
  }
  if (notify_ != nullptr) {
    notify_->Listen(context_,
                    [this](pid_t sender, const NotifyMessage& message) {
                      OnNotify(sender, message);
                    });
  }
  if (options_->Sidecar()) {
    StartSidecar();
    return;
  }
  zombies_.Start();
  // Plain inits leave the terminal as the process did, as the originals do.
  if (supervising_ && !options_->process.background) terminal_.Save();
  runner_.Start();
}

// A plain init needs no /proc: as PID 1 it signals all that is left by
// kill(-1). Between two starts only the process's group can be told from
// strangers.
void Supervisor::WarnOfMissingProc() {
  if (options_->Sidecar()) return;
  if (context_.os->ReadProcess(context_.os->Self()).has_value()) return;
  context_.log->Write(
      LogLevel::kWarning,
      "/proc is not mounted, or is that of another pid namespace: a process "
      "that leaves the process group of the command, as a daemon does, cannot "
      "be found and outlives each restart; mount proc at /proc");
}

void Supervisor::OnWake(Strategy::Wake wake) {
  if (wake == Strategy::Wake::kNoticed) {
    changes_.OnNoticed();
    return;
  }
  runner_.MarkReadyIfSo(LogLevel::kInfo);
  if (const auto why = strategies_.MustEnd()) {
    EndForFailure(*why);
    return;
  }
  Ask();
}

void Supervisor::OnReaped() {
  pair_.OnReaped();
  closing_.OnReaped();
}

std::string Supervisor::StateName() const {
  if (ended()) return "ended";
  if (end_ == End::kEnding) return "ending";
  return options_->Sidecar() ? SidecarState() : runner_.StateName();
}

Changes::Hooks Supervisor::ChangeHooks() {
  Changes::Hooks hooks;
  hooks.actions.restart = [this](const Reason& reason, Action::OnDone done) {
    runner_.Restart(reason, std::move(done));
  };
  hooks.actions.signal = [this](int signo) { return signals_.Notify(signo); };
  hooks.actions.environment = [this](const Reason& reason) {
    return runner_.launcher().ActionEnvironment(reason);
  };
  hooks.actions.fail = [this](const std::string& why) { EndForFailure(why); };
  hooks.actions.exit = [this](int code) {
    end_reason_ = absl::StrCat(changes_.current().text, ": --on-change=exit");
    context_.log->Write(LogLevel::kInfo, end_reason_);
    Shutdown(code);
    runner_.StopProcesses();
  };
  hooks.situation = [this] {
    return Changes::Situation{.can_act = runner_.CanAct(),
                              .may_supersede = runner_.MaySupersede(),
                              .ending = end_ != End::kStaying,
                              .has_process = pair_.current() != nullptr,
                              .generation = runner_.launcher().generation(),
                              .awaited_start = runner_.plan().awaited()
                                                   ? runner_.plan().reason()
                                                   : nullptr};
  };
  hooks.environment = [this] {
    return runner_.launcher().Environment(runner_.launcher().generation());
  };
  hooks.drop_waiter = [this] { runner_.DropWaiter(); };
  hooks.again = [this] { AfterChange(); };
  return hooks;
}

void Supervisor::Reload(const Reason& reason) {
  changes_.Ask(reason);
  Ask();
}

std::optional<Reason> Supervisor::ShouldRestart(
    const std::optional<ExitStatus>& ended) {
  if (auto asked = changes_.TakeAsked()) return asked;
  InstanceView view = runner_.ViewNow();
  view.ended = ended;
  return strategies_.ShouldRestart(view);
}

void Supervisor::Ask() {
  runner_.JudgeReplacement();
  if (!runner_.CanAct() || runner_.RestartIfAsked()) return;
  const std::optional<Reason> reason = ShouldRestart(std::nullopt);
  if (!reason.has_value()) return;
  runner_.NoteCause(*reason);
  if (reason->cause == Reason::Cause::kHealth) {
    ActOnHealth(*reason);
  } else if (!reason->IsChange()) {
    if (options_->Sidecar()) return;
    runner_.Restart(*reason, nullptr);
  } else if (changes_.DropIfHad(*reason)) {
    context_.log->Write(
        LogLevel::kDebug,
        absl::StrCat(reason->text, ": had changed before process [",
                     pair_.current()->pid(), "] was started, which has it"));
  } else {
    changes_.ApplyOrQueue(*reason);
  }
}

// --health-on-failure
void Supervisor::ActOnHealth(const Reason& reason) {
  using What = OnUnhealthy::What;
  const OnUnhealthy& act = options_->health.on_failure;
  if (act.what == What::kRestart) {
    runner_.Restart(reason, nullptr);
    return;
  }
  if (act.what == What::kExit) {
    context_.log->Event(LogLevel::kError, "unhealthy",
                        absl::StrCat("unhealthy: ", reason.text, ": exiting"),
                        {{"generation", runner_.launcher().generation()},
                         {"reason", reason.text}});
    end_reason_ = absl::StrCat("unhealthy: ", reason.text);
    Shutdown(1);
    runner_.StopProcesses();
    return;
  }
  const bool sends = act.what == What::kSignal && pair_.current() != nullptr;
  context_.log->Event(
      LogLevel::kWarning, "unhealthy",
      absl::StrCat("unhealthy: ", reason.text, sends ? ": sending " : "",
                   sends ? SignalName(act.signal) : ""),
      {{"generation", runner_.launcher().generation()},
       {"reason", reason.text}});
  if (sends) pair_.current()->Forward({.signo = act.signal});
}

void Supervisor::AfterChange() {
  context_.loop->Post([this] {
    if (!runner_.CanAct() && !runner_.MaySupersede()) return;
    if (!changes_.ApplyQueued()) Ask();
  });
}

void Supervisor::TellStrategies() {
  const InstanceView view = runner_.ViewNow();
  strategies_.OnInstance(view);
  ShowReady();
}

bool Supervisor::Serves() const {
  if (options_->Sidecar()) return end_ == End::kStaying;
  const Instance* const serving = pair_.Serving();
  return end_ == End::kStaying && !runner_.says_it_stops() &&
         serving != nullptr && serving->state() == InstanceState::kReady;
}

void Supervisor::ShowReady() {
  if (report_.has_value()) report_->Show(Serves(), StateName());
}

// A sender whose message would have counted is told why it does not.
void Supervisor::OnStranger(pid_t sender, const NotifyMessage& message) {
  const absl::Time now = context_.loop->Now();
  strangers_.Add(sender, now);
  const Instance* const current = pair_.current();
  const bool matters = (message.ready || message.stopping) &&
                       current != nullptr && current->alive() &&
                       now >= next_stranger_warning_;
  if (matters) next_stranger_warning_ = now + kStrangerWarnings;
  context_.log->Write(
      matters ? LogLevel::kWarning : LogLevel::kDebug,
      absl::StrCat(message.ready      ? "READY=1"
                   : message.stopping ? "STOPPING=1"
                                      : "a notification",
                   " from process ", sender,
                   ", which is not one of the process's own or has ended and "
                   "was reaped by its parent before it was heard: ignored; a "
                   "sender of the process's own should live until BARRIER=1 "
                   "is answered (sd_notify_barrier(3), systemd-notify(1))"));
}

void Supervisor::OnNotify(pid_t sender, const NotifyMessage& message) {
  if (strangers_.Has(sender, context_.loop->Now())) return;
  bool kept = true;
  std::vector<ProcessInfo> unknown;
  if (undecided_.Waits(sender)) {
    kept = undecided_.AddNext(sender, message);
  } else {
    const Runner::Sender who = runner_.SenderOf(sender, &unknown);
    const bool from_current = who == Runner::Sender::kCurrent;
    if (who != Runner::Sender::kStranger) unknown.clear();
    if (from_current && message.main_pid.has_value()) {
      pair_.current()->Has(*message.main_pid, &unknown);
    }
    if (unknown.empty()) return Hear(who, sender, message);
    kept = undecided_.Add({sender, unknown.front(),
                           from_current ? pair_.current()->generation() : 0,
                           message});
  }
  if (kept) return;
  context_.log->Write(
      LogLevel::kDebug,
      absl::StrCat("a notification from process ", sender,
                   " is lost: too many wait for what /proc says of it"));
}

// The process that it was about may have been replaced meanwhile.
void Supervisor::OnDecided(const Undecided::Message& message) {
  if (strangers_.Has(message.sender, context_.loop->Now())) return;
  const auto owns = [&](const Instance* instance) {
    if (instance == nullptr || !instance->alive()) return false;
    if (message.generation != 0) {
      return instance->generation() == message.generation;
    }
    return context_.marks->Of(message.orphan, instance->mark()) ==
           Marks::Verdict::kHas;
  };
  Runner::Sender who = Runner::Sender::kStranger;
  if (owns(pair_.leaving())) {
    who = Runner::Sender::kLeaving;
  } else if (owns(pair_.current())) {
    who = Runner::Sender::kCurrent;
  }
  Hear(who, message.sender, message.content);
}

void Supervisor::Hear(Runner::Sender who, pid_t sender,
                      const NotifyMessage& message) {
  if (who == Runner::Sender::kStranger) {
    OnStranger(sender, message);
    return;
  }
  const bool from_current = who == Runner::Sender::kCurrent;
  if (from_current && message.status.has_value()) {
    context_.log->Write(LogLevel::kDebug,
                        absl::StrCat("process [", pair_.current()->pid(),
                                     "] says: ", *message.status));
    if (report_.has_value()) report_->Status(*message.status);
  }
  const bool stopped_before = runner_.says_it_stops();
  runner_.OnNotify(who, message);
  if (!from_current) return;
  if (runner_.says_it_stops() && !stopped_before) ShowReady();
  strategies_.OnNotify(message);
  changes_.OnNotify(message);
}

SignalRoute Supervisor::RouteOf(const SignalInfo& received, int sent) const {
  const Instance* const current = pair_.current();
  const Instance* const serving = pair_.Serving();
  SignalFacts facts;
  facts.reload_signal = options_->reload.signal;
  // The kernel's WINCH is the new size of a terminal, not a person's order.
  if (received.code != SI_KERNEL) facts.stop_signal = options_->stop.signal;
  facts.staying = end_ == End::kStaying;
  facts.supervising = supervising_;
  facts.sidecar = options_->Sidecar();
  facts.hung_up = received.signo == SIGHUP &&
                  runner_.launcher().on_terminal() && !OnTerminal();
  facts.process_alive = current != nullptr && current->alive();
  facts.serves = serving != nullptr && serving->alive();
  facts.kept = signals_.keeps_any();
  // Kept for the first process alone: a later one is not what was meant.
  facts.started = runner_.launcher().generation() > 1 ||
                  (current == nullptr && pair_.last_pid() != 0);
  return reinit::RouteOf(received.signo, sent, facts);
}

void Supervisor::OnSignal(const SignalInfo& received) {
  context_.observer->OnSignal(received.signo);
  SignalInfo signal = received;
  signal.signo =
      SentFor(received.signo, options_->signals.rewrite, options_->stop.signal);
  const SignalRoute route = RouteOf(received, signal.signo);
  if (route != SignalRoute::kReload &&
      signals_.JobControlTakes(received.signo)) {
    return;
  }
  switch (route) {
    case SignalRoute::kReload: {
      Reason reason;
      reason.cause = Reason::Cause::kSignal;
      reason.text = SignalName(received.signo);
      Reload(reason);
      return;
    }
    case SignalRoute::kDown:
      OnDown(received);
      return;
    case SignalRoute::kForward:
      signals_.Forward(received, signal);
      if (options_->init.suspends_itself && StopsForTerminal(received.signo)) {
        context_.observer->OnSuspend();
        context_.os->StopSelf();
      }
      return;
    case SignalRoute::kKeep:
      signals_.Keep(signal);
      return;
    case SignalRoute::kDrop:
      return;
  }
}

void Supervisor::OnDown(const SignalInfo& signal) {
  const bool first = end_ == End::kStaying;
  const bool insists = stop_order_.Receive(signal.signo);
  if (first) {
    stop_order_.OnBegin(runner_.plan().for_failure());
    const std::string name = SignalName(signal.signo);
    context_.log->Event(
        LogLevel::kInfo, "stopping", absl::StrCat(name, ": stopping"),
        {{"generation", runner_.launcher().generation()}, {"signal", name}});
    // With nothing to wait for, the signal is the reason of our own end; else
    // the exit status of the process replaces this.
    Shutdown(options_->Sidecar() ? 0 : 128 + signal.signo);
  }
  runner_.StopHooks({.signo = insists ? SIGKILL : StopsAnything(signal.signo)});
  const bool told = (first || !insists) && stop_order_.Execute(signal, first);
  if (!told) KillAll();
}

void Supervisor::KillAll() {
  stop_order_.Cancel();
  pair_.KillNow();
  closing_.KillNow();
}

void Supervisor::Shutdown(int exit_code) {
  if (end_ != End::kStaying) return;
  end_ = End::kEnding;
  exit_code_ = exit_code;
  runner_.BeginEnd();
  changes_.Cancel();
  if (report_.has_value()) report_->Stopping();
  strategies_.Clear();
  Finish();
}

void Supervisor::Finish() {
  // Called again whenever something has gone; hooks are bounded.
  if (!runner_.Done()) return;
  closing_.Begin({.pid = pair_.last_pid(),
                  .mark = runner_.launcher().mark(),
                  .stop = pair_.last_stop(),
                  .survivor = pair_.survivor(),
                  .adopts = runner_.launcher().Adopts(),
                  .exit_code = exit_code_});
}

// For --termination-log.
std::string Supervisor::LastWords() const {
  std::string text;
  if (pair_.last_pid() != 0) {
    text = absl::StrCat("process ended: ", runner_.last_end().InWords(), "\n");
  }
  if (!end_reason_.empty()) absl::StrAppend(&text, end_reason_, "\n");
  if (stop_order_.signo() != 0) {
    absl::StrAppend(&text, "stopped by ", SignalName(stop_order_.signo()),
                    "\n");
  }
  return text;
}

}  // namespace reinit
