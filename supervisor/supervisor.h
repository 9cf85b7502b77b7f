// Runs the reload loop: hears what happens, and decides when reinit ends.
#ifndef REINIT_SUPERVISOR_SUPERVISOR_H_
#define REINIT_SUPERVISOR_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "reaper/self/terminal.h"
#include "supervisor/change/changes.h"
#include "supervisor/change/outcomes.h"
#include "supervisor/context.h"
#include "supervisor/control_target.h"
#include "supervisor/ending/closing.h"
#include "supervisor/ending/signal_route.h"
#include "supervisor/ending/stop_order.h"
#include "supervisor/inbox/inbox.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/notify/ready_report.h"
#include "supervisor/options.h"
#include "supervisor/process/instance.h"
#include "supervisor/process/zombie_report.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/post_stop.h"
#include "supervisor/run/process_signals.h"
#include "supervisor/run/runner.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/status.h"
#include "supervisor/strategy/strategies.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Warns, at the start, of what cannot be found without a /proc of our own pid
// namespace. A plain init needs none: as PID 1 it signals all that is left by
// kill(-1). Between two starts only the process's group can be told from
// strangers.
void WarnOfMissingProc(const Context& context);

// Hears signals, ends of children, messages and requests; asks the strategies;
// decides when reinit ends. It hands what it hears to its parts, each of which
// has its own table: the Runner keeps the command running (run/runner.h),
// Changes applies what changed (change/changes.h), StopOrder and Closing end
// it all (ending/). Built and run by main, on its only thread.
//
//   Staying   | signal TERM, INT, QUIT (supervising)   -> Ending
//             | the process ended, nothing restarts it -> Ending
//             | restart limit reached (action exit)    -> Ending
//             | the first start fails                  -> Ending
//             | --on-change=exit,                      -> Ending
//             |   --health-on-failure=exit
//             | --on-stale-mount=exit,                 -> Ending
//             |   --on-missing=fail, ctl stop,
//             |   the terminal has hung up
//   Ending    | no process and no hook is left         -> Closing (closing.h)
//   Closing   | nothing is left behind, all is written -> ended
//
// Of several workers each has a Supervisor, which leaves to Workers what is for
// all of them (options->workers.self is then its number).
// Without a command no process runs: the actions notify other processes.
// Without strategies it is a plain init: it starts, forwards, reaps, and ends
// with the exit status of its process. The names Run, Startup, ShouldRestart
// and Shutdown are those of the class that reinit grew from (FastStream's
// BaseReload); its Restart and StartProcess are the Runner's now.
class Supervisor : public ControlTarget {
 public:
  // Borrows `options`, `notify` (null: the process speaks no sd_notify) and
  // `sockets`, which are passed to the process (or null). `environment` is what
  // the process gets, but for the REINIT_ entries of a supervised one. `random`
  // gives numbers in [0, 1).
  Supervisor(const Context& context, const Options* options,
             std::vector<std::string> environment,
             std::vector<std::unique_ptr<Strategy>> strategies,
             std::function<double()> random, NotifySocket* notify = nullptr,
             ListenSockets* sockets = nullptr);
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts up, then turns the loop until the end. Returns the exit status.
  int Run();

  // For a caller that turns the loop itself.
  void Startup();
  bool ended() const {
    return closing_.closed() && !(report_.has_value() && report_->busy());
  }
  int exit_code() const { return end_.exit_code; }

  // To be called by the signal source, for every signal that was sent to us.
  void OnSignal(const SignalInfo& received);
  // To be called whenever children were reaped.
  void OnReaped();

  // To be called for each message of the notify socket; `sender` may be
  // anybody.
  void OnNotify(pid_t sender, const NotifyMessage& message) {
    inbox_.OnNotify(sender, message);
  }
  // Hears what has come by now: the last words of a process count, so call it
  // before children are reaped.
  void ReadMessages();

  // `on_last` is called when no process is left: the owner of another helper
  // ends it then, so that it is still reaped.
  void set_on_last(std::function<void()> on_last) {
    closing_.set_on_begin(std::move(on_last));
  }

  // For one worker of several (workers/workers.h). `on_moved` is called
  // whenever the process, a change or the end has moved, from the middle of
  // that: look later.
  void set_on_moved(std::function<void()> on_moved) {
    on_moved_ = std::move(on_moved);
  }
  // Applies `reason`, a change, as soon as that is possible. Returns a ticket.
  uint64_t Apply(const Reason& reason);
  // Replaces the process for `reason`. Returns a ticket.
  uint64_t Replace(const Reason& reason);
  // Ends, though no signal has asked for it: the process has --stop-timeout.
  void EndNow(int exit_code);
  // The process is ready, and neither is to end nor has said so.
  bool Serves() const;
  // kSettled: it serves, and no other is being started or stopped. kRefused:
  // likewise, but the last change has failed and waits for the next one.
  enum class Progress { kBusy, kSettled, kRefused };
  Progress progress() const;

  // What `reinit ctl` asks for (supervisor_control.cc).
  absl::Status AskRestart(int worker, uint64_t* ticket) override;
  absl::Status AskReload(uint64_t* ticket) override;
  std::optional<absl::Status> Outcome(uint64_t ticket) const override;
  void AskStop(bool now) override;
  absl::Status AskSignal(int signo) override;
  absl::Status AskScale(int workers) override;
  Status Describe() const override;
  std::string StateName() const override;

  const Instance* instance() const { return pair_.current(); }
  ChangeState change() const { return changes_.state(); }
  // The pid of the process, also when it has just ended; 0 before the first.
  pid_t last_pid() const { return pair_.last_pid(); }

 private:
  struct End {
    bool begun = false;  // Ending, or a later state
    int exit_code = 0;
    std::string reason;  // in words, beyond how the process ended
  };

  Changes::Hooks ChangeHooks();
  Runner::Hooks RunnerHooks();

  // The loop.
  void OnWake(Strategy::Wake wake);
  void Ask();
  std::optional<Reason> ShouldRestart(const std::optional<ExitStatus>& ended);
  void ActOnHealth(const Reason& reason);
  void AfterChange();
  void Reload(const Reason& reason);

  // Messages of the process, and what strangers are told.
  void TellStrategies();
  void ShowReady();
  void Hear(Runner::Sender who, const NotifyMessage& message);

  // Without a command.
  void StartSidecar();
  void BeginSidecar();
  void EndForFailure(const std::string& why);

  // Signals and the end.
  SignalRoute RouteOf(const SignalInfo& received, int sent) const;
  void OnDown(const SignalInfo& signal);
  void KillAll();
  std::string LastWords() const;
  void Shutdown(int exit_code);
  void Finish();

  const Context context_;
  const Options* const options_;
  const bool supervising_;
  const bool worker_;  // one of several
  const absl::Time began_;
  NotifySocket* const notify_;    // or null
  ListenSockets* const sockets_;  // or null
  std::optional<ReadyReport> report_;
  const Upwards upwards_;
  const std::function<double()> random_;
  Strategies strategies_;
  Outcomes outcomes_;
  InstancePair pair_;
  ProcessSignals signals_;
  PostStop post_stop_;
  TerminalModes terminal_;
  Changes changes_;
  Runner runner_;
  Inbox inbox_;
  StopOrder stop_order_;
  Closing closing_;
  ZombieReport zombies_;
  End end_;
  std::function<void()> on_moved_ = [] {};
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SUPERVISOR_H_
