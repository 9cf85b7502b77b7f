#include "cmd/run.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/child_table.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"
#include "reaper/signal_source.h"
#include "supervisor/child_environment.h"
#include "supervisor/control/control_commands.h"
#include "supervisor/control/control_server.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/status_server/status_server.h"
#include "supervisor/strategy/registry.h"
#include "supervisor/supervisor.h"

namespace reinit {
namespace {

// Orphans come to PID 1 by themselves; anywhere else this must be asked for.
void BecomeSubreaper(Subreaper wanted, Log* log) {
  if (wanted == Subreaper::kNo) return;
  if (wanted == Subreaper::kAuto && ::getpid() == 1) return;
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0) return;
  log->Write(LogLevel::kWarning,
             absl::StrCat("not PID 1, and cannot become subreaper (",
                          ::strerrordesc_np(errno),
                          "): orphans are reaped by somebody else"));
}

// The command line was wrong, if only for this machine; nothing was started.
constexpr int kExitUsage = 2;

// False if there are errors. A plain init leaves what it inherited alone.
bool OpenSockets(const Options& options, std::vector<std::string>* environment,
                 Log* log, ListenSockets* sockets) {
  if (!options.Supervising()) return true;
  ListenSockets::Problems problems =
      sockets->Open(&options.listen, ::getpid(), environment);
  if (options.ReadyDescriptorTaken(sockets->size())) {
    problems.errors.push_back(absl::StrCat(
        "--ready=fd:", options.ready.descriptor,
        ": a socket has this number in the process; allowed is "
        "fd:",
        kFirstPassedSocket + static_cast<int>(sockets->size()), " or more"));
  }
  if (options.ready.kind == ReadyOptions::Kind::kAccept &&
      problems.errors.empty() && sockets->Listening().empty()) {
    problems.errors.emplace_back(
        "--ready=accept: there is no listening socket; give one by --listen");
  }
  const auto& checks = options.health.checks;
  const bool wants_queues =
      std::any_of(checks.begin(), checks.end(), [](const ProbeTarget& check) {
        return check.kind == ProbeTarget::Kind::kStall;
      });
  if (wants_queues && problems.errors.empty() && sockets->Queues().empty()) {
    problems.errors.emplace_back(
        "--health=stall: there is no listening TCP socket; give one by "
        "--listen");
  }
  for (const std::string& warning : problems.warnings) {
    log->Write(LogLevel::kWarning, warning);
  }
  for (const std::string& error : problems.errors) {
    log->Write(LogLevel::kError, error);
  }
  return problems.errors.empty();
}

// The socket of `reinit ctl`, which may be none. False if there is an error.
bool BindControl(const Options& options, Log* log,
                 std::optional<BoundSocket>* socket) {
  if (!options.Supervising() || options.control == kControlOff) return true;
  const bool named = options.HasControlPath();
  auto bound =
      BindControlSocket(named ? options.control : std::string(kControlPath));
  if (bound.ok()) {
    *socket = *std::move(bound);
    return true;
  }
  // A read-only image, or a second reinit in the container.
  log->Write(
      named ? LogLevel::kError : LogLevel::kDebug,
      absl::StrCat("--control=", named ? options.control : kControlPath, ": ",
                   bound.status().message(), named ? "" : ": no `reinit ctl`"));
  return !named;
}

// False if there is an error.
bool BindStatus(const Options& options, Log* log,
                std::optional<BoundSocket>* socket) {
  if (!options.status_listen.has_value()) return true;
  auto bound = BindStatusSocket(*options.status_listen);
  if (bound.ok()) {
    *socket = *std::move(bound);
    return true;
  }
  log->Write(LogLevel::kError,
             absl::StrCat(
                 "--status-listen=", EscapeForLog(options.status_listen->text),
                 ": ", bound.status().message()));
  return false;
}

std::function<double()> RandomSource() {
  std::minstd_rand engine(static_cast<unsigned>(
      absl::ToUnixNanos(MonotonicClock().Now()) ^ ::getpid()));
  return [engine, unit = std::uniform_real_distribution<>(0, 1)]() mutable {
    return unit(engine);
  };
}

}  // namespace

int RunSupervisor(const Options& options, std::vector<std::string> environment,
                  const SignalState& inherited, Log* log, Observer* observer) {
  // Before there is a descriptor of ours that could be taken for one.
  ListenSockets sockets;
  if (!OpenSockets(options, &environment, log, &sockets)) return kExitUsage;
  std::optional<BoundSocket> control_socket;
  std::optional<BoundSocket> status_socket;
  // Both, so that every error is found.
  const bool bound = BindControl(options, log, &control_socket);
  if (!BindStatus(options, log, &status_socket) || !bound) return kExitUsage;
  BecomeSubreaper(options.subreaper, log);
  if (options.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, options.parent_death_signal, 0, 0, 0);
  }
  UserProcess user_process = options.process.as;
  user_process.signals = inherited;
  const MonotonicClock clock;
  LinuxOs os;
  auto loop = EventLoop::Create(&clock);
  if (!loop.ok()) {
    log->Write(LogLevel::kError, loop.status().message());
    return 1;
  }
  ChildTable children(loop->get(), &os);
  const Context context = {loop->get(), &os,           &children,
                           log,         &user_process, observer};
  std::unique_ptr<NotifySocket> notify;
  if (options.Listens()) {
    auto made = NotifySocket::Create(
        NotifyFolders(), absl::StrCat("reinit-", RandomName(), ".notify"));
    if (!made.ok()) {
      log->Write(LogLevel::kError, made.status().message());
      return 1;
    }
    notify = *std::move(made);
  }
  auto strategies =
      MakeStrategies(context, &options, environment, RandomSource(), &sockets);
  Supervisor supervisor(context, &options, std::move(environment),
                        std::move(strategies), RandomSource(), notify.get(),
                        &sockets);
  children.set_on_reaped([&supervisor] { supervisor.OnReaped(); });
  std::optional<ControlServer> control;
  if (control_socket.has_value()) {
    control.emplace(loop->get(), log, *std::move(control_socket),
                    [&supervisor](std::string_view request) {
                      return RunControlCommand(&supervisor, request);
                    });
    const absl::Status listens = control->Start();
    if (!listens.ok()) log->Write(LogLevel::kWarning, listens.message());
  }
  std::optional<StatusServer> status_server;
  if (status_socket.has_value()) {
    status_server.emplace(context, *std::move(status_socket),
                          [&supervisor] { return supervisor.Describe(); });
    status_server->Start();
    supervisor.set_on_last([&status_server] { status_server->Stop(); });
  }
  const auto signals = SignalSource::Create(
      loop->get(),
      [&supervisor](const SignalInfo& info) { supervisor.OnSignal(info); },
      [&] {
        observer->OnSignal(SIGCHLD);
        if (notify != nullptr) notify->Read();
        children.Reap();
      });
  if (!signals.ok()) {
    log->Write(LogLevel::kError, signals.status().message());
    return 1;
  }
  // Children that ended before an exec made this process reinit.
  children.Reap();
  children.set_spectator(
      {[&](pid_t pid, ExitStatus status) {
         observer->OnReaped(pid, status, pid == supervisor.last_pid());
       },
       [&] { observer->OnAllReaped(children.none_left()); }});
  return supervisor.Run();
}

int RunPause(Log* log) {
  BecomeSubreaper(Subreaper::kAuto, log);
  const MonotonicClock clock;
  LinuxOs os;
  auto loop = EventLoop::Create(&clock);
  if (!loop.ok()) {
    log->Write(LogLevel::kError, loop.status().message());
    return 1;
  }
  ChildTable children(loop->get(), &os);
  bool ended = false;
  const auto signals = SignalSource::Create(
      loop->get(),
      [&ended](const SignalInfo& info) {
        ended = ended || info.signo == SIGTERM || info.signo == SIGINT;
      },
      [&children] { children.Reap(); });
  if (!signals.ok()) {
    log->Write(LogLevel::kError, signals.status().message());
    return 1;
  }
  children.Reap();
  os.ReleaseInherited();
  while (!ended) (*loop)->Turn();
  return 0;
}

}  // namespace reinit
