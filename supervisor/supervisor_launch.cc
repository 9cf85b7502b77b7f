// The Supervisor's part that starts a process: with what, and what is done when
// there is none to be had.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reaper/terminal.h"
#include "supervisor/child_environment.h"
#include "supervisor/environment.h"
#include "supervisor/messages.h"
#include "supervisor/socket/accept_watch.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// Not even the first process could be had.
constexpr int kExitCannotStart = 1;

}  // namespace

void Supervisor::StartProcess() {
  start_timer_.Cancel();
  start_began_ = context_.loop->Now();
  const bool planned = planned_.has_value();
  const Reason* change = nullptr;
  if (planned && planned_->done) {
    change = planned_->reason.IsChange() ? &planned_->reason : &applied_;
  }
  outcomes_.Start(planned ? &planned_->reason : nullptr, change,
                  action_->StartWillDo(), planned ? planned_->began : began_);
  asked_restart_.reset();
  ++generation_;
  mark_ = NewInstanceMark();
  RefreshEnvironment(&Supervisor::PrepareProcess);
}

// A start is under way that has no process yet.
bool Supervisor::Preparing() const {
  return environment_read_.busy() || pre_start_ != nullptr;
}

void Supervisor::PrepareProcess() {
  if (options_->clear) context_.log->ClearTerminal();
  if (options_->process.pre_start.empty()) {
    LaunchProcess();
  } else {
    RunPreStart();
  }
}

void Supervisor::LaunchProcess() {
  says_it_stops_ = false;
  said_failure_.clear();
  oom_kills_ = context_.os->OomKills();
  if (sockets_ != nullptr) {
    for (const std::string& news : sockets_->Renew()) {
      context_.log->Write(LogLevel::kWarning, news);
    }
  }
  auto instance = std::make_unique<Instance>(
      context_, MakeSpec(),
      [this, generation = generation_](Instance::Event event) {
        OnInstance(generation, event);
      });
  const absl::Status started = instance->Start();
  if (!started.ok()) {
    --generation_;
    OnNoProcess(started);
    return;
  }
  if (instance_ != nullptr) other_ = std::move(instance_);
  instance_ = std::move(instance);
  last_pid_ = instance_->pid();
  context_.observer->OnSpawned(last_pid_);
  spawn_backoff_.Reset();
}

// Nothing could be forked. That passes, mostly (EAGAIN, ENOMEM).
void Supervisor::OnNoProcess(const absl::Status& why) {
  const bool passes =
      absl::IsUnavailable(why) || absl::IsResourceExhausted(why);
  const std::string problem =
      absl::StrCat("cannot start a process (", why.message(), ")");
  if (generation_ == 0 && !passes) {
    context_.log->Write(LogLevel::kError, problem);
    Shutdown(kExitCannotStart);
    return;
  }
  const absl::Duration delay = spawn_backoff_.Take(random_());
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat(problem, ": trying again in ", Millis(delay)));
  start_timer_.ArmAfter(delay);
}

// Calls `then` at once where there is no file to be read.
void Supervisor::RefreshEnvironment(void (Supervisor::*then)()) {
  const ProcessOptions& process = options_->process;
  if (process.environment_files.empty()) {
    environment_ = OverlayEntries(base_environment_, process.environment);
    (this->*then)();
    return;
  }
  environment_read_.Start(
      [&]() -> absl::StatusOr<std::string> {
        const auto made = MakeEnvironment(
            base_environment_, process.environment_files, process.environment);
        if (!made.ok()) return made.status();
        return PackEntries(*made);
      },
      [this, then](const absl::StatusOr<std::string>& packed) {
        if (TakeEnvironment(packed)) (this->*then)();
      });
}

// False if nothing can be started now, but later.
bool Supervisor::TakeEnvironment(const absl::StatusOr<std::string>& packed) {
  if (packed.ok()) {
    environment_ = UnpackEntries(*packed);
    return true;
  }
  if (absl::IsUnavailable(packed.status()) && !options_->Sidecar()) {
    --generation_;
    OnNoProcess(packed.status());
    return false;
  }
  // Half-written, or gone for a moment: the last one that was good still is.
  context_.log->Write(LogLevel::kWarning,
                      absl::StrCat("--env-file: ", packed.status().message(),
                                   ": keeping the environment as it was"));
  if (environment_.empty()) {
    environment_ =
        OverlayEntries(base_environment_, options_->process.environment);
  }
  return true;
}

std::vector<std::string> Supervisor::ProcessEnvironment(int generation) const {
  if (!supervising_) return environment_;
  return ChildEnvironment(environment_, mark_, generation,
                          planned_.has_value() ? &planned_->reason : nullptr);
}

std::vector<std::string> Supervisor::ActionEnvironment(const Reason& reason) {
  return ChildEnvironment(environment_, mark_, generation_, &reason);
}

Instance::Spec Supervisor::MakeSpec() {
  Instance::Spec spec;
  spec.argv = options_->command;
  spec.mark = mark_;
  spec.generation = generation_;
  spec.signal_group =
      options_->signals.forward_to == SignalOptions::ForwardTo::kGroup;
  spec.leftover_timeout = options_->stop.leftover_timeout;
  spec.adopts = Adopts();
  spec.environment = ProcessEnvironment(generation_);
  AddLaunch(&spec);
  if (!supervising_) {
    spec.own_session = options_->init.own_session && CanHandOverTerminal();
    spec.own_group = options_->init.own_group;
    if (spec.own_session) {
      context_.observer->OnTerminalGivenUp(GiveUpTerminal());
    } else if (spec.own_group) {
      spec.terminal_fd = ForegroundTerminal();
    }
    return spec;
  }
  // Ctrl-C is to reach, and end, both.
  spec.own_group = !on_terminal_;
  return spec;
}

void Supervisor::AddLaunch(Instance::Spec* spec) {
  Launch launch;
  for (const auto& strategy : strategies_) strategy->Prepare(&launch);
  if (notify_ != nullptr) {
    spec->environment.push_back(
        absl::StrCat("NOTIFY_SOCKET=", notify_->path()));
  }
  spec->environment.insert(spec->environment.end(), launch.environment.begin(),
                           launch.environment.end());
  spec->descriptors = std::move(launch.descriptors);
  if (sockets_ == nullptr || sockets_->empty()) return;
  spec->holds_socket = [sockets = sockets_](pid_t pid) {
    return AcceptWatch().Holds(pid, sockets->Listening());
  };
  sockets_->Pass(context_.os->Self(), &spec->argv, &spec->environment,
                 &spec->descriptors);
}

}  // namespace reinit
