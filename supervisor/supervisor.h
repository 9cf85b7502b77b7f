// The reload loop.
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
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "supervisor/action/action.h"
#include "supervisor/action/registry.h"
#include "supervisor/backoff.h"
#include "supervisor/change_state.h"
#include "supervisor/context.h"
#include "supervisor/early_signals.h"
#include "supervisor/instance.h"
#include "supervisor/job.h"
#include "supervisor/job_control.h"
#include "supervisor/leftovers.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/notify/ready_report.h"
#include "supervisor/options.h"
#include "supervisor/outcomes.h"
#include "supervisor/restart_history.h"
#include "supervisor/side_file.h"
#include "supervisor/side_read.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/status.h"
#include "supervisor/strangers.h"
#include "supervisor/strategy/strategy.h"
#include "supervisor/zombie_report.h"

namespace reinit {

// Starts the process, asks the strategies, restarts it, and ends. Built and run
// by main, on its only thread. Everything it decides follows from three values,
// each with its own table: the Instance (instance_state.h), the Change
// (change_state.h), and whether reinit itself is to end:
//
//   Staying   | signal TERM, INT, QUIT (supervising)   -> Ending
//             | the process ended, nothing restarts it -> Ending
//             | restart limit reached (action exit)    -> Ending
//   Ending    | no process, nothing left behind        -> Ended
//
// With --restart-order=start-first there may be a second instance
// (supervisor_overlap.cc), never a third:
//
//   instance_        | other_            |
//   -----------------+-------------------+---------------------------------
//   new, not ready   | old, serves       | overlapping: the old one is asked
//                    |                   | for nothing, and gets the signals
//   new, ready       | old, is stopped   | it drains
//   old, serves      | new, is stopped   | rolled back: the start is retried;
//                    |                   | or superseded by a newer change
//   none, in backoff | old, is stopped   | the new one died while it drains
//
// Without a command there never is an instance: changes are told to others.
//
// Without strategies it is a plain init: it starts, forwards, reaps and ends
// with the exit status of its process. The names Run, Startup, Restart,
// Shutdown, ShouldRestart, StartProcess and StopProcess are those of the class
// that reinit grew from (FastStream's BaseReload).
class Supervisor {
 public:
  // `options`, `notify` for a process that speaks sd_notify and the `sockets`
  // that it is to be passed are borrowed.
  // `environment` is what the process gets, but for the
  // REINIT_ entries of a supervised one. `random` gives numbers in [0, 1).
  Supervisor(const Context& context, const Options* options,
             std::vector<std::string> environment,
             std::vector<std::unique_ptr<Strategy>> strategies,
             std::function<double()> random, NotifySocket* notify = nullptr,
             ListenSockets* sockets = nullptr);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Startup, then turns of the loop until the end. Returns the exit status.
  int Run();

  // For those who turn the loop themselves.
  void Startup();
  bool ended() const { return end_ == End::kEnded; }
  int exit_code() const { return exit_code_; }

  // To be called by the signal source, for every signal that was sent to us.
  void OnSignal(const SignalInfo& received);
  // To be called whenever children were reaped.
  void OnReaped();

  // To be called for each message of the notify socket; `sender` may be
  // anybody.
  void OnNotify(pid_t sender, const NotifyMessage& message);

  // Called at the final end, when there is no process any more: a helper of
  // somebody else's is to be ended now, so that it is still reaped.
  void set_on_last(std::function<void()> on_last) {
    on_last_ = std::move(on_last);
  }

  // What `reinit ctl` asks for (supervisor_control.cc). An error says why it
  // cannot be done. Who waits for the outcome gives a place for a `ticket`.
  absl::Status AskRestart(uint64_t* ticket = nullptr);
  absl::Status AskReload(uint64_t* ticket = nullptr);
  // Nothing: it is still under way.
  std::optional<absl::Status> Outcome(uint64_t ticket) const;
  void AskStop(bool now);  // now: KILL, without a chance for anybody
  absl::Status AskSignal(int signo);

  // All there is to be seen (supervisor_status.cc).
  Status Describe() const;

  // What is shown to people: "ready", "reloading", "waiting"...
  std::string StateName() const;
  const Instance* instance() const { return instance_.get(); }
  ChangeState change() const { return change_; }
  const ZombieReport& zombies() const { return zombies_; }
  // The process, also when it has just ended; 0 before the first.
  pid_t last_pid() const { return last_pid_; }

 private:
  enum class End { kStaying, kEnding, kEnded };

  // A restart that is under way, from its decision until the new process runs.
  struct PlannedRestart {
    Reason reason;
    Action::OnDone done;  // may be empty
    absl::Duration delay;
    absl::Time began;
    int replaces = 0;  // generation
    std::optional<absl::Duration> stopped_after;
  };

  // For --post-stop: a process that has ended, and which it was.
  struct Ended {
    ExitStatus status;
    int generation = 0;
    std::string_view result;  // Instance::result(), or what else is known
  };

  // The loop.
  void OnWake(Strategy::Wake wake);

  // Changes (supervisor_change.cc).
  std::unique_ptr<Action> ActionOnChange();
  absl::Status SignalProcess(int signo);
  void Reload(const Reason& reason);
  std::optional<Reason> ShouldRestart(const std::optional<ExitStatus>& ended);
  bool CanAct() const;
  bool ChangeUnderWay() const;
  void Ask();
  void TakeUp(const Reason& reason);
  void Apply(const Reason& reason);
  void Adopt(const Reason& reason);
  void IncludeAsked();
  void ActOnHealth(const Reason& reason);
  void OnReloadCheck(const Job::Result& result);
  void DropJob(std::unique_ptr<Job>& job);
  void ApplyNow(bool again);
  Action::OnDone BeginChange();
  Action::OnDone ThenAct(Action::OnDone done);
  void AfterChange();
  void RetryChange();
  void ForgetFailure();
  void ForgetChange();
  bool HasAlready(const Reason& reason) const;

  // What the process says, and what is said of it (supervisor_notify.cc).
  View ViewNow() const;
  void TellStrategies();
  bool Serves() const;
  void ShowReady();
  void MarkReadyIfSo(LogLevel level);

  void OnStranger(pid_t sender, const NotifyMessage& message);

  // What is shown of it (supervisor_status.cc).
  int ShownGeneration() const;
  std::optional<Status::Process> DescribeProcess(const Instance* instance,
                                                 absl::Time now) const;
  void DescribeRestarts(absl::Time now, Status* status) const;
  void DescribeOutcomes(absl::Time now, Status* status) const;

  // One restart.
  void Restart(const Reason& reason, Action::OnDone done);
  bool Plan(const Reason& reason, Action::OnDone done);
  void StopProcess(Instance* instance);
  void StopForCore(Instance* instance);
  void GiveUp(std::string_view why);

  // Two at once (supervisor_overlap.cc).
  bool Overlapping() const;
  bool StartsFirst() const;
  bool StartIsDue() const;
  bool ReplacedOneDrains() const;
  Instance* Serving() const;
  void AskReplacement();
  void TakeOver();
  void EndProbation();
  bool MaySupersede() const;
  void Supersede(const Reason& reason, Action::OnDone done);
  void RollBack(std::string_view why);
  void Reinstate();
  void StopReplacement();
  void RetryReplacement(std::string_view why);
  void OnOther(Instance::Event event);
  void OnOtherExited();
  void OnOtherGone();

  // One start (supervisor_launch.cc).
  void StartProcess();
  bool Preparing() const;
  void PrepareProcess();
  void LaunchProcess();
  void OnNoProcess(const absl::Status& why);
  void RefreshEnvironment(void (Supervisor::*then)());
  bool TakeEnvironment(const absl::StatusOr<std::string>& packed);
  std::vector<std::string> ProcessEnvironment(int generation) const;
  std::vector<std::string> ActionEnvironment(const Reason& reason);
  Instance::Spec MakeSpec();
  void AddLaunch(Instance::Spec* spec);

  // The instance.
  void OnInstance(int generation, Instance::Event event);
  void OnUp();
  void FinishRestart();
  void Rest();
  void NoteExit(const Instance& ended);
  void OnExited();
  void OnEndedByItself();
  void OnGone();
  void AfterStop();
  void DropInstance(std::unique_ptr<Instance>& instance);
  void OnExecFailed();
  void LogUp();
  void LogEnded(std::string_view what_now);

  // Hooks (supervisor_hooks.cc).
  void RunPreStart();
  void OnPreStart(const Job::Result& result);
  void OnPreStartFailed(const Job::Result& result);
  void NoteCause(const Reason& reason);
  void NoteStartLimit();
  void RunPostStop(void (Supervisor::*then)());
  void OnPostStop(const Job::Result& result);
  void StopHook(const SignalInfo& signal);

  // Without a command (supervisor_sidecar.cc).
  void StartSidecar();
  void BeginSidecar();
  std::string SidecarState() const;
  void Fail(const std::string& why);

  // Signals and the end (supervisor_end.cc).
  bool MeansDown(const SignalInfo& signal) const;
  bool GivenByTerminal(const SignalInfo& signal,
                       const Instance& instance) const;
  void PassOn(const SignalInfo& received, const SignalInfo& signal);
  void StopBoth();
  void KillAll();
  void OnDown(const SignalInfo& signal);
  void PassDown(const SignalInfo& signal, bool first);
  void PassDown(Instance* instance, const SignalInfo& signal, bool first);
  bool Adopts() const;
  void Drained();
  void NoteOomKill(const ExitStatus& status);
  std::string EndText() const;
  void WriteTerminationLog();
  int ExitCodeOf(const ExitStatus& status) const;
  void Shutdown(int exit_code);
  void Finish();
  void FinalSweep();
  void MarkEnded();

  const Context context_;
  const Options* const options_;
  const bool supervising_;
  const bool on_terminal_;  // at the start
  std::vector<std::string> base_environment_;
  std::vector<std::string> environment_;  // of the next start
  std::string mark_;                      // of the newest start
  const absl::Time began_;
  std::vector<std::unique_ptr<Strategy>> strategies_;
  std::unique_ptr<Action> action_;
  const std::function<double()> random_;
  NotifySocket* const notify_;    // null: the process has none of ours
  ListenSockets* const sockets_;  // or null
  std::function<void()> on_last_;
  std::optional<ReadyReport> report_;
  Strangers strangers_;
  absl::Time next_stranger_warning_ = absl::InfinitePast();
  bool says_it_stops_ = false;  // the process, by STOPPING=1
  std::string said_failure_;    // by ERRNO=, EXIT_STATUS=

  std::unique_ptr<Instance> instance_;  // null: no process
  std::unique_ptr<Instance> other_;     // see above; mostly null
  int generation_ = 0;                  // of the newest start
  ChangeState change_ = ChangeState::kNone;
  Reason applied_;                      // the change that change_ is about
  std::optional<Reason> asked_reload_;  // by somebody, not by a strategy
  std::optional<Reason> asked_restart_;
  std::optional<Reason> next_change_;  // came during a check or an action
  std::unique_ptr<Job> reload_check_;
  EventLoop::Timer retry_timer_;
  bool noticed_ = false;  // a change that may still come
  EventLoop::Timer drain_timer_;
  std::optional<PlannedRestart> planned_;
  EventLoop::Timer start_timer_;  // backoff
  EventLoop::Timer rest_timer_;
  SideRead environment_read_;
  std::unique_ptr<Job> pre_start_;
  std::unique_ptr<Job> post_stop_;
  std::vector<Ended> post_stops_due_;
  void (Supervisor::*after_post_stop_)() = nullptr;
  Backoff retry_backoff_;  // while a change cannot be applied
  Backoff backoff_;
  Backoff spawn_backoff_;  // while nothing can be forked
  StartLimit limit_;
  RestartHistory history_;
  uint64_t changes_applied_ = 0;
  uint64_t changes_failed_ = 0;
  absl::Time acts_since_;       // while kApplying
  std::string change_failure_;  // of the last attempt, in words
  int superseded_ = 0;          // replacements in a row
  // Of the change that was tried last, and of the one that was applied last:
  // back to the latter is a change like any other while they differ.
  std::optional<uint64_t> attempted_content_;
  std::optional<uint64_t> applied_content_;
  // Of the start that was begun last. Files that were done before are had by
  // that process, by its --pre-start and its environment.
  absl::Time start_began_ = absl::InfinitePast();
  absl::Time has_all_before_ = absl::InfinitePast();  // the one that serves
  Outcomes outcomes_;
  ExitStatus last_status_;
  uint64_t exits_ = 0;     // of processes
  std::string last_exit_;  // of whichever was the last, in words
  pid_t last_pid_ = 0;
  EarlySignals early_signals_;
  JobControl job_control_;
  ZombieReport zombies_;

  End end_ = End::kStaying;
  int exit_code_ = 0;
  bool kill_now_ = false;   // somebody has insisted
  std::string end_reason_;  // in words, where the process's end is not all
  std::optional<int64_t> oom_kills_;  // at the start of the process
  bool killed_for_memory_ = false;
  SignalInfo draining_;  // the one to be passed on when drain_timer_ fires
  int down_signal_ = 0;  // the last of TERM, INT, QUIT that was received
  bool stopped_for_failure_ = false;  // when that came
  std::optional<Leftovers> final_sweep_;
  std::optional<SideFile> last_words_;  // --termination-log, at the very end
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SUPERVISOR_H_
