#include "supervisor/run/launcher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/self/terminal.h"
#include "reaper/unique_fd.h"
#include "supervisor/messages.h"
#include "supervisor/process/mark.h"
#include "supervisor/run/child_environment.h"
#include "supervisor/run/environment.h"
#include "supervisor/socket/accept_watch.h"

namespace reinit {
namespace {

// Long enough for a migration. An orchestrator has its own, shorter limit.
constexpr absl::Duration kPreStartTimeout = absl::Minutes(5);

// Then what is left behind has no time at all, so nobody needs to know of it.
bool EndsAtOnce(const Options& options) {
  return options.init.ends_at_once && !options.Supervising();
}

}  // namespace

Launcher::Launcher(const Context& context, const Options* options,
                   const Parts& parts, std::vector<std::string> environment,
                   Why why, OnInstance on_instance, OnEvent on_event)
    : context_(context),
      options_(options),
      parts_(parts),
      on_terminal_(options->Supervising() && !options->process.background &&
                   OnTerminal()),
      why_(std::move(why)),
      on_instance_(std::move(on_instance)),
      on_event_(std::move(on_event)),
      base_environment_(std::move(environment)),
      read_(context),
      socket_files_(context, parts.sockets),
      read_again_(context.loop, [this] { ReadForSidecar(); }),
      backoff_(absl::Milliseconds(100), absl::Seconds(10)) {}

Launcher::~Launcher() = default;

void Launcher::MarkSidecar() { mark_ = NewInstanceMark(); }

void Launcher::Begin() {
  began_ = context_.loop->Now();
  ++generation_;
  mark_ = options_->Supervising() ? NewInstanceMark() : kNoInstanceMark;
  RefreshEnvironment([this](const absl::Status& has) {
    if (has.ok()) {
      Prepare();
    } else {
      Abandon(has);
    }
  });
}

void Launcher::ReadEnvironment(std::function<void()> then) {
  sidecar_begins_ = std::move(then);
  ReadForSidecar();
}

void Launcher::ReadForSidecar() {
  RefreshEnvironment([this](const absl::Status& has) {
    if (has.ok()) {
      backoff_.Reset();
      sidecar_begins_();
      return;
    }
    const absl::Duration delay = backoff_.Take(1);
    context_.log->Write(LogLevel::kWarning,
                        absl::StrCat("nothing can be run yet (", has.message(),
                                     "): trying again in ", Millis(delay)));
    read_again_.ArmAfter(delay);
  });
}

void Launcher::End() {
  ending_ = true;
  read_.Cancel();
  read_again_.Cancel();
  socket_files_.Cancel();
}

void Launcher::OnProcessStopping() {
  if (!ending_) socket_files_.OnStopping();
}

void Launcher::OnProcessEnded(bool stopping) {
  if (!ending_) socket_files_.OnEnded(stopping);
}

void Launcher::StopHook(int signo) {
  if (hook_ == nullptr) return;
  hook_->Signal(signo);
  hook_->EndWithin(options_->stop.shutdown_timeout);
}

// Calls `then` at once where there is no file to be read.
void Launcher::RefreshEnvironment(OnRead then) {
  const ProcessOptions& process = options_->process;
  if (process.environment_files.empty()) {
    environment_ = OverlayEntries(base_environment_, process.environment);
    then(absl::OkStatus());
    return;
  }
  read_.Start(
      [&]() -> absl::StatusOr<std::string> {
        const auto made = MakeEnvironment(
            base_environment_, process.environment_files, process.environment);
        if (!made.ok()) return made.status();
        return PackEntries(*made);
      },
      [this,
       then = std::move(then)](const absl::StatusOr<std::string>& packed) {
        then(TakeEnvironment(packed));
      });
}

// Unavailable, in words, if nothing can be started now, but later.
absl::Status Launcher::TakeEnvironment(
    const absl::StatusOr<std::string>& packed) {
  if (packed.ok()) {
    environment_ = UnpackEntries(*packed);
    has_environment_ = true;
    return absl::OkStatus();
  }
  // A process that lacks its settings may do harm (another database, no
  // password), so it is not started; the files can be mended, or answer.
  if (absl::IsUnavailable(packed.status())) return packed.status();
  if (!has_environment_) {
    return absl::UnavailableError(
        absl::StrCat("--env-file: ", packed.status().message()));
  }
  // Half-written, or gone for a moment: the last good one is still good.
  context_.log->Write(LogLevel::kWarning,
                      absl::StrCat("--env-file: ", packed.status().message(),
                                   ": keeping the environment as it was"));
  return absl::OkStatus();
}

void Launcher::Prepare() {
  if (options_->clear) context_.log->ClearTerminal();
  if (options_->process.pre_start.empty()) {
    Fork();
    return;
  }
  hook_ = std::make_unique<Job>(
      context_, options_->process.pre_start, Environment(generation_),
      kPreStartTimeout, Job::Output::kShown,
      [this](const Job::Result& result) { OnHook(result); });
  hook_->Start();
}

void Launcher::OnHook(const Job::Result& result) {
  // It is the caller, so it can go only when it has returned.
  context_.loop->Post([gone = std::move(hook_)] {});
  if (ending_) {
    on_event_(Event::kDropped);
  } else if (result.Success()) {
    Fork();
  } else {
    if (result.what == Job::Result::What::kNotForked) {
      Abandon(absl::UnavailableError(result.text));
    } else {
      --generation_;
      result_ = result;
      on_event_(Event::kHookFailed);
    }
    on_event_(Event::kHookDone);
  }
}

void Launcher::Fork() {
  socket_files_.CheckThen(
      [this](const std::string& states) { ForkNow(states); });
}

void Launcher::ForkNow(const std::string& socket_files) {
  on_event_(Event::kForking);
  if (parts_.sockets != nullptr) RenewSockets(socket_files);
  instance_ = std::make_unique<Instance>(
      context_, MakeSpec(),
      [this, generation = generation_](Instance::Event event) {
        on_instance_(generation, event);
      });
  // Until the program runs, a plain init has nothing else to do.
  const bool may_wait = !options_->Supervising();
  const absl::Status started = instance_->Start(
      may_wait, options_->process.background ? Instance::Stdin::kNull
                                             : Instance::Stdin::kOurs);
  if (!started.ok()) {
    instance_.reset();
    Abandon(started);
    return;
  }
  backoff_.Reset();
  on_event_(Event::kLaunched);
}

void Launcher::RenewSockets(const std::string& files) {
  const int worker = options_->workers.self;
  for (const std::string& news : parts_.sockets->Renew(files, worker)) {
    context_.log->Write(LogLevel::kWarning, news);
  }
  std::vector<UniqueFd>* const replaced = parts_.sockets->replaced();
  if (replaced->empty()) return;
  const absl::StatusOr<pid_t> child = context_.os->CloseByChild(replaced);
  // Without a child they stay open until the next start.
  if (child.ok()) context_.children->Add(*child, [](ExitStatus) {});
}

// No process came of the start: its generation is free again.
void Launcher::Abandon(const absl::Status& why) {
  --generation_;
  status_ = why;
  on_event_(Event::kNoProcess);
}

std::vector<std::string> Launcher::Environment(int generation) const {
  if (!options_->Supervising()) return environment_;
  return ChildEnvironment(environment_, mark_, generation, why_());
}

std::vector<std::string> Launcher::ActionEnvironment(
    const Reason& reason) const {
  return ChildEnvironment(environment_, mark_, generation_, &reason);
}

bool Launcher::Adopts() const {
  return options_->subreaper != Subreaper::kNo || context_.os->Self() == 1;
}

Instance::Spec Launcher::MakeSpec() const {
  Instance::Spec spec;
  spec.argv = options_->command;
  spec.mark = mark_;
  spec.generation = generation_;
  spec.signal_group =
      options_->signals.forward_to == SignalOptions::ForwardTo::kGroup;
  spec.leftover_timeout = options_->stop.leftover_timeout;
  spec.stop_timeout =
      EndsAtOnce(*options_) ? absl::ZeroDuration() : options_->stop.timeout;
  spec.adopts = Adopts();
  spec.environment = Environment(generation_);
  AddParts(&spec);
  if (!options_->Supervising()) {
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

void Launcher::AddParts(Instance::Spec* spec) const {
  LaunchExtras launch;
  launch.hooks = spec->environment;
  parts_.strategies->Prepare(&launch);
  if (parts_.notify != nullptr) {
    spec->environment.push_back(
        absl::StrCat("NOTIFY_SOCKET=", parts_.notify->path()));
  }
  spec->environment.insert(spec->environment.end(), launch.environment.begin(),
                           launch.environment.end());
  spec->descriptors = std::move(launch.descriptors);
  if (parts_.sockets == nullptr || parts_.sockets->empty()) return;
  const int worker = options_->workers.self;
  spec->holds_socket = [sockets = parts_.sockets, worker](pid_t pid) {
    return AcceptWatch().Holds(pid, sockets->Listening(worker));
  };
  parts_.sockets->Pass(context_.os->Self(), &spec->argv, &spec->environment,
                       &spec->descriptors, worker);
}

}  // namespace reinit
