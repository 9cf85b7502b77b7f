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
#include "supervisor/output/output_prefix.h"
#include "supervisor/process/mark.h"
#include "supervisor/process/mark_reader.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/status_server/status_server.h"
#include "supervisor/strategy/registry.h"
#include "supervisor/supervisor.h"
#include "supervisor/value/command_times.h"
#include "supervisor/watch/tree/absolute_path.h"
#include "supervisor/workers/worker_options.h"
#include "supervisor/workers/workers.h"

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

// Whether the command runs as `pid`, or has just done so.
bool IsMain(const Supervisor& main, pid_t pid) {
  return pid == main.last_pid();
}

bool IsMain(const Workers& main, pid_t pid) {
  return std::any_of(main.workers().begin(), main.workers().end(),
                     [pid](const auto& worker) {
                       return worker->supervisor()->last_pid() == pid;
                     });
}

// Connects `main` with signals, the children that end, `reinit ctl` and the
// status server, and runs it. `Main` is Supervisor or Workers.
template <typename Main>
int Serve(const Context& context, const Options& options, Main* main,
          StartSockets* bound, AdoptingOs* os) {
  context.children->set_on_reaped([main] { main->OnReaped(); });
  std::optional<ControlServer> control;
  if (bound->control.has_value()) {
    control.emplace(context.loop, context.log, *std::move(bound->control),
                    [main](std::string_view request) {
                      return RunControlCommand(main, request);
                    });
    control->Start();
  }
  std::optional<StatusServer> status_server;
  if (bound->status.has_value()) {
    status_server.emplace(context, *std::move(bound->status),
                          [main] { return main->Describe(); });
    status_server->Start();
    main->set_on_last([&status_server] { status_server->Stop(); });
  }
  const auto signals = SignalSource::Create(
      context.loop, [main](const SignalInfo& info) { main->OnSignal(info); },
      [&context, main] {
        context.observer->OnSignal(SIGCHLD);
        main->ReadMessages();
        context.children->Reap();
      });
  if (!signals.ok()) {
    context.log->Write(LogLevel::kError, signals.status().message());
    return 1;
  }
  // Children that ended before an exec made this process reinit. Those of the
  // first act wait until its child is known.
  if (!FirstAct().acted) context.children->Reap();
  context.children->set_spectator(
      {[&context, main](pid_t pid, ExitStatus status) {
         context.observer->OnReaped(pid, status, IsMain(*main, pid));
       },
       [&context] {
         context.observer->OnAllReaped(context.children->none_left());
       }});
  // One that supervises returns to its folder by name, and a hook after the end
  // needs it as well.
  if (!options.Supervising() && options.process.post_stop.empty()) {
    os->LeaveStartDirectory();
  }
  const int code = main->Run();
  if (!options.Supervising()) EndAtOnce(code);
  return code;
}

int RunWorkers(const Context& context, const Options& options,
               std::vector<std::string> environment, StartSockets* bound,
               AdoptingOs* os) {
  const Options for_all = OptionsForAll(options);
  auto shared = MakeStrategies(context, &for_all, environment, RandomSource(),
                               &bound->listen);
  WorkerParts parts;
  parts.options = OptionsOfWorker;
  parts.strategies = [environment, random = RandomSource(), bound](
                         const Context& of_worker, const Options* its_options) {
    return MakeStrategies(of_worker, its_options, environment, random,
                          &bound->listen);
  };
  parts.notify = [&context, &options]() -> std::unique_ptr<NotifySocket> {
    auto notify = MakeNotifySocket(options);
    if (notify.ok()) return *std::move(notify);
    context.log->Write(LogLevel::kError, notify.status().message());
    return nullptr;
  };
  std::optional<OutputPrefix> output;
  if (options.workers.log_prefix) {
    output.emplace(context);
    parts.process = [&output](int number) { return output->ProcessOf(number); };
    parts.finish = [&output](std::function<void()> done) {
      output->Finish(std::move(done));
    };
  }
  parts.sockets = &bound->listen;
  parts.environment = std::move(environment);
  parts.random = RandomSource();
  Workers workers(context, &options, std::move(shared), std::move(parts));
  return Serve(context, options, &workers, bound, os);
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
  if (options.workers.count > 1) {
    return RunWorkers(context, options, std::move(environment), &bound, &os);
  }
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
  return Serve(context, options, &supervisor, &bound, &os);
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
