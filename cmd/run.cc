#include "cmd/run.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cmd/start_sockets.h"
#include "reaper/child_table.h"
#include "reaper/clock.h"
#include "reaper/event_loop.h"
#include "reaper/first_act/adopting_os.h"
#include "reaper/first_act/first_act.h"
#include "reaper/os.h"
#include "reaper/self/memory_reserve.h"
#include "reaper/signal_source.h"
#include "supervisor/control/control_commands.h"
#include "supervisor/control/control_server.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/process/mark.h"
#include "supervisor/process/mark_reader.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/status_server/status_server.h"
#include "supervisor/strategy/registry.h"
#include "supervisor/supervisor.h"
#include "supervisor/value/command_times.h"
#include "supervisor/watch/tree/absolute_path.h"

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

// Memory that was lacking is mostly there again soon. Without a reserve the
// next failed allocation would end reinit.
void RefillReserve(Log* log) {
  if (!RefillMemoryReserve()) return;
  log->Write(LogLevel::kWarning,
             "memory had run out, and reinit's reserve was used");
}

std::function<double()> RandomSource() {
  std::minstd_rand engine(static_cast<unsigned>(
      absl::ToUnixNanos(MonotonicClock().Now()) ^ ::getpid()));
  return [engine, unit = std::uniform_real_distribution<>(0, 1)]() mutable {
    return unit(engine);
  };
}

// For a plain init, which has nothing that only a destructor takes back, such
// as a socket's file.
void EndAtOnce([[maybe_unused]] int code) {
#if !defined(__SANITIZE_ADDRESS__)  // which looks for leaks at exit
  ::_exit(code);
#endif
}

}  // namespace

int RunSupervisor(const Options& options, std::vector<std::string> environment,
                  const SignalState& inherited, Log* log, Observer* observer) {
  // Before there is a descriptor of ours that could be taken for one of them.
  StartSockets bound;
  if (!BindAll(options, &environment, log, &bound)) return kExitUsage;
  BecomeSubreaper(options.subreaper, log);
  if (options.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, options.parent_death_signal, 0, 0, 0);
  }
  UserProcess user_process = options.process.as;
  user_process.signals = inherited;
  if (options.Supervising()) user_process.start_directory = WorkingDirectory();
  const MonotonicClock clock;
  AdoptingOs os(FirstAct());
  auto loop = EventLoop::Create(&clock);
  if (!loop.ok()) {
    log->Write(LogLevel::kError, loop.status().message());
    return 1;
  }
  (*loop)->set_before_events([log] { RefillReserve(log); });
  ChildTable children(loop->get(), &os);
  CommandTimes commands;
  Context context = {loop->get(),   &os,      &children, log,
                     &user_process, observer, &commands};
  MarkReader marks(context);
  context.marks = &marks;
  auto notify = MakeNotifySocket(options);
  if (!notify.ok()) {
    log->Write(LogLevel::kError, notify.status().message());
    return 1;
  }
  auto strategies = MakeStrategies(context, &options, environment,
                                   RandomSource(), &bound.listen);
  Supervisor supervisor(context, &options, std::move(environment),
                        std::move(strategies), RandomSource(), notify->get(),
                        &bound.listen);
  children.set_on_reaped([&supervisor] { supervisor.OnReaped(); });
  std::optional<ControlServer> control;
  if (bound.control.has_value()) {
    control.emplace(loop->get(), log, *std::move(bound.control),
                    [&supervisor](std::string_view request) {
                      return RunControlCommand(&supervisor, request);
                    });
    control->Start();
  }
  std::optional<StatusServer> status_server;
  if (bound.status.has_value()) {
    status_server.emplace(context, *std::move(bound.status),
                          [&supervisor] { return supervisor.Describe(); });
    status_server->Start();
    supervisor.set_on_last([&status_server] { status_server->Stop(); });
  }
  const auto signals = SignalSource::Create(
      loop->get(),
      [&supervisor](const SignalInfo& info) { supervisor.OnSignal(info); },
      [&] {
        observer->OnSignal(SIGCHLD);
        if (*notify != nullptr) (*notify)->Read();
        children.Reap();
      });
  if (!signals.ok()) {
    log->Write(LogLevel::kError, signals.status().message());
    return 1;
  }
  // Children that ended before an exec made this process reinit. Those of the
  // first act wait until its child is known.
  if (!FirstAct().acted) children.Reap();
  children.set_spectator(
      {[&](pid_t pid, ExitStatus status) {
         observer->OnReaped(pid, status, pid == supervisor.last_pid());
       },
       [&] { observer->OnAllReaped(children.none_left()); }});
  // One that supervises returns to its folder by name, and a hook after the end
  // needs it as well.
  if (!options.Supervising() && options.process.post_stop.empty()) {
    os.LeaveStartDirectory();
  }
  const int code = supervisor.Run();
  if (!options.Supervising()) EndAtOnce(code);
  return code;
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
  (*loop)->set_before_events([log] { RefillReserve(log); });
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
