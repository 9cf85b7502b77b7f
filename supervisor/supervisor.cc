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

}  // namespace

void WarnOfMissingProc(const Context& context) {
  if (context.os->ReadProcess(context.os->Self()).has_value()) return;
  context.log->Write(
      LogLevel::kWarning,
      "/proc is not mounted, or is that of another pid namespace: a process "
      "that leaves the process group of the command, as a daemon does, cannot "
      "be found and outlives each restart; mount proc at /proc");
}

Supervisor::Supervisor(const Context& context, const Options* options,
                       std::vector<std::string> environment,
                       std::vector<std::unique_ptr<Strategy>> strategies,
                       std::function<double()> random, NotifySocket* notify,
                       ListenSockets* sockets)
    : context_(context),
      options_(options),
      supervising_(options->Supervising()),
      worker_(options->workers.self != 0),
      began_(context.loop->Now()),
      notify_(notify),
      sockets_(sockets),
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
      inbox_(context, &runner_, &pair_,
             [this](Runner::Sender who, const NotifyMessage& message) {
               Hear(who, message);
             }),
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
    if (!end_.begun || stop_order_.signo() == 0) return;
    end_.exit_code = ExitCodeOf(*options_, status);
  };
  hooks.why = [this](const std::string& why) { end_.reason = why; };
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
  return end_.exit_code;
}

void Supervisor::Startup() {
  const auto wake = [this](Strategy::Wake what) {
    context_.loop->Post([this, what] { OnWake(what); });
  };
  strategies_.Start(wake);
  if (supervising_ && !worker_) {
    if (!options_->Sidecar()) WarnOfMissingProc(context_);
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
  if (!worker_) {
    zombies_.Start();
    // Plain inits leave the terminal as the process did, as the originals do.
    if (supervising_ && !options_->process.background) terminal_.Save();
  }
  runner_.Start();
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

void Supervisor::ReadMessages() {
  if (notify_ != nullptr) notify_->Read();
}

void Supervisor::OnReaped() {
  pair_.OnReaped();
  closing_.OnReaped();
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
    end_.reason = absl::StrCat(changes_.current().text, ": --on-change=exit");
    context_.log->Write(LogLevel::kInfo, end_.reason);
    EndNow(code);
  };
  hooks.situation = [this] {
    return Changes::Situation{.can_act = runner_.CanAct(),
                              .may_supersede = runner_.MaySupersede(),
                              .ending = end_.begun,
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
    end_.reason = absl::StrCat("unhealthy: ", reason.text);
    EndNow(1);
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
  on_moved_();
  context_.loop->Post([this] {
    if (!runner_.CanAct() && !runner_.MaySupersede()) return;
    if (!changes_.ApplyQueued()) Ask();
  });
}

void Supervisor::TellStrategies() {
  const InstanceView view = runner_.ViewNow();
  strategies_.OnInstance(view);
  ShowReady();
  on_moved_();
}

bool Supervisor::Serves() const {
  if (options_->Sidecar()) return !end_.begun;
  const Instance* const serving = pair_.Serving();
  return !end_.begun && !runner_.says_it_stops() && serving != nullptr &&
         serving->state() == InstanceState::kReady;
}

void Supervisor::ShowReady() {
  if (report_.has_value()) report_->Show(Serves(), StateName());
}

void Supervisor::Hear(Runner::Sender who, const NotifyMessage& message) {
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
  facts.staying = !end_.begun;
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
  const bool first = !end_.begun;
  const bool insists = stop_order_.Receive(signal.signo);
  if (first) {
    stop_order_.OnBegin(runner_.plan().for_failure());
    const std::string name = SignalName(signal.signo);
    context_.log->Event(
        worker_ ? LogLevel::kDebug : LogLevel::kInfo, "stopping",
        absl::StrCat(name, ": stopping"),
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
  if (end_.begun) return;
  end_.begun = true;
  end_.exit_code = exit_code;
  runner_.BeginEnd();
  changes_.Cancel();
  closing_.set_on_closed([this] { on_moved_(); });
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
                  .exit_code = end_.exit_code});
}

// For --termination-log.
std::string Supervisor::LastWords() const {
  std::string text;
  if (pair_.last_pid() != 0) {
    text = absl::StrCat("process ended: ", runner_.last_end().InWords(), "\n");
  }
  if (!end_.reason.empty()) absl::StrAppend(&text, end_.reason, "\n");
  if (stop_order_.signo() != 0) {
    absl::StrAppend(&text, "stopped by ", SignalName(stop_order_.signo()),
                    "\n");
  }
  return text;
}

}  // namespace reinit
