// Keeps the command running: starts, stops and restarts it.
#ifndef REINIT_SUPERVISOR_RUN_RUNNER_H_
#define REINIT_SUPERVISOR_RUN_RUNNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "reaper/self/terminal.h"
#include "supervisor/action/action.h"
#include "supervisor/change/changes.h"
#include "supervisor/change/outcomes.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/process/instance.h"
#include "supervisor/process/oom_watch.h"
#include "supervisor/run/instance_pair.h"
#include "supervisor/run/last_end.h"
#include "supervisor/run/launcher.h"
#include "supervisor/run/post_stop.h"
#include "supervisor/run/process_signals.h"
#include "supervisor/run/replacement.h"
#include "supervisor/run/restart_plan.h"
#include "supervisor/status.h"
#include "supervisor/strategy/strategies.h"

namespace reinit {

// What reinit exits with after a process that ended with `status`.
int ExitCodeOf(const Options& options, const ExitStatus& status);

// Runs one command, and with start-first a second instance of it next to the
// first (instance_pair.h, replacement.h). Decides when the next start comes
// (restart_plan.h), makes it (launcher.h), and runs --post-stop after each end.
// Any number of Runners may share one loop: each has its own parts, hooks,
// generations and view. Owned by the Supervisor, on its thread.
//
// What it is about to do follows from its plan and its processes:
//
//   no plan, no process     | the first start, or waiting for a change
//   no plan, a process      | it runs, or is stopped for good
//   a plan, a process       | it is being stopped, or its replacement prepared
//   a plan, no process      | backoff, --pre-start, --env-file or --post-stop
class Runner {
 public:
  // Borrowed; they must outlive the Runner.
  struct Parts {
    Strategies* strategies;
    Changes* changes;
    Outcomes* outcomes;
    InstancePair* pair;
    ProcessSignals* signals;
    PostStop* post_stop;
    const TerminalModes* terminal;
    NotifySocket* notify;    // or null
    ListenSockets* sockets;  // or null
  };
  struct Hooks {
    // Asks the strategies; `ended`: how the process ended by itself.
    std::function<std::optional<Reason>(const std::optional<ExitStatus>& ended)>
        should_restart;
    // A process changed its state or its place in the pair: see ViewNow.
    std::function<void()> moved;
    std::function<void()> again;  // something may be possible again
    // The main process has ended.
    std::function<void(const ExitStatus&)> exited;
    // Why reinit ends, for --termination-log.
    std::function<void(const std::string&)> why;
    std::function<void(int code)> end;  // reinit is to end
    std::function<void()> empty;        // after BeginEnd: see Done
  };
  // Whose message it was.
  enum class Sender { kStranger, kCurrent, kLeaving };

  // `options` and `random`, which gives numbers in [0, 1), are borrowed.
  Runner(const Context& context, const Options* options, const Parts& parts,
         std::vector<std::string> environment,
         const std::function<double()>* random, Hooks hooks);

  // Begins a start, and forks at once unless --env-file or --pre-start comes
  // first.
  void Start();
  // Plans a restart for `reason`, or gives up at the limit, which may end
  // reinit. Stops the current process, or with start-first starts the next one
  // next to it; during an overlap supersedes the new one. `done` gets the
  // result.
  void Restart(const Reason& reason, Action::OnDone done);
  // Restarts now if CanAct. Drops the request if a restart or start is under
  // way, which is as good. Else keeps it for RestartIfAsked, the next start, or
  // the end of the process.
  void AskRestart(const Reason& reason);
  // Restarts if AskRestart has kept a request. CanAct must be true.
  bool RestartIfAsked();
  // True if Restart may be called now. False during an overlap: then ask
  // MaySupersede.
  bool CanAct() const;
  bool MaySupersede() const { return replacement_.MaySupersede(); }
  // During an overlap: asks the strategies about the new process, then rolls
  // back, supersedes or queues, and keeps an age for RestartIfAsked. Else does
  // nothing.
  void JudgeReplacement();
  // The process is to be stopped for `reason`: for its SERVICE_RESULT.
  void NoteCause(const Reason& reason);
  // If the strategies say ready: marks the process ready, tells outcomes and
  // changes, and during an overlap stops the old process and finishes the
  // restart. `level` is that of the log line.
  void MarkReadyIfSo(LogLevel level);
  // No change waits for the planned start any more.
  void DropWaiter() { plan_.DropWaiter(); }

  // Walks up through /proc: ask once for each message. A stranger, if what is
  // added to `unknown` decides (Instance::Has).
  Sender SenderOf(pid_t pid, std::vector<ProcessInfo>* unknown) const;
  // Does what a message of sd_notify asks of the process that sent it; not for
  // a stranger's.
  void OnNotify(Sender sender, const NotifyMessage& message);
  // The process has said STOPPING=1.
  bool says_it_stops() const { return says_it_stops_; }

  // Begins the end of reinit: the old process of an overlap is current again,
  // plan and start timer are dropped. Starts nothing afterwards, and calls
  // `empty` whenever a process or hook has gone.
  void BeginEnd();
  // Stops what runs, at an end that no signal has asked for.
  void StopProcesses();
  // Signals --pre-start, which nothing waits for any more; --post-stop may
  // finish, unless `signal` is KILL.
  void StopHooks(const SignalInfo& signal);
  // No process is waited for, and no hook runs.
  bool Done() const;

  // Without a command: marks and reads the environment, then calls `then`.
  void PrepareSidecar(std::function<void()> then);
  // After `delay`: gives back what only a start needs.
  void ReleaseAfter(absl::Duration delay) { release_timer_.ArmAfter(delay); }

  InstanceView ViewNow() const;
  std::string StateName() const;
  // Fills in what concerns the process, its starts and its ends.
  void Describe(absl::Time now, Status* status) const;
  const RestartPlan& plan() const { return plan_; }
  const Launcher& launcher() const { return launcher_; }
  const LastEnd& last_end() const { return last_end_; }

 private:
  bool Plan(const Reason& reason, Action::OnDone done);
  void StopForPlan(Instance* instance);
  void GiveUp(std::string_view why);
  void NoteStartLimit();
  bool StartsFirst() const;
  void StartIfDue();

  void OnLauncher(Launcher::Event event);
  void OnNoProcess(const absl::Status& why);
  void OnPreStartFailed(const Job::Result& result);

  void OnInstance(int generation, Instance::Event event);
  void OnExecFailed();
  void OnUp();
  void TakeOver();
  void FinishRestart();
  void CountEnd(const Instance& ended);
  void OnExited();
  void OnEndedByItself();
  void AfterStop();
  void OnLeaving(Instance::Event event);
  void OnLeavingExited();
  bool EndsWithout(const Instance& survivor);

  int ShownGeneration() const;
  void LogEnded(std::string_view what_now);
  void Release();

  const Context context_;
  const Options* const options_;
  const Parts parts_;
  const std::function<double()>* const random_;
  const Hooks hooks_;
  const absl::Time began_;
  InstancePair* const pair_;
  EventLoop::Timer start_timer_;    // backoff
  EventLoop::Timer release_timer_;  // see Release
  RestartPlan plan_;
  Launcher launcher_;
  LastEnd last_end_;
  OomWatch oom_watch_;
  Replacement replacement_;
  std::optional<Reason> asked_;  // a restart that was not possible yet
  int limit_met_ = 0;            // starts that EMFILE has ended
  bool says_it_stops_ = false;
  bool ending_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_RUNNER_H_
