// Runs one process, from fork to the end of what it leaves behind.
#ifndef REINIT_SUPERVISOR_PROCESS_INSTANCE_H_
#define REINIT_SUPERVISOR_PROCESS_INSTANCE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/value/stop_ladder.h"
#include "supervisor/context.h"
#include "supervisor/process/instance_state.h"
#include "supervisor/process/leftovers.h"
#include "supervisor/process/successor.h"

namespace reinit {

// The supervised command, started once: its state, its stop ladder and what it
// leaves behind. Owned by an InstancePair, on the loop's thread. Destroying one
// forgets the process, it does not stop it.
class Instance {
 public:
  static constexpr std::string_view kStopTimeout = "--stop-timeout";

  enum class Stdin { kOurs, kNull };

  struct Spec {
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    std::vector<PassedDescriptor> descriptors;
    std::string mark;  // its REINIT_INSTANCE=... entry
    bool own_group = true;
    bool own_session = false;
    bool signal_group = false;  // signals go to its whole group
    int terminal_fd = -1;       // terminal whose foreground it is to become
    int generation = 1;
    absl::Duration leftover_timeout;
    // Where the process may take as long as it needs to stop: how long what
    // runs below it has, from the stop on.
    absl::Duration stop_timeout;
    bool adopts = true;  // orphans are handed to us
    // Whether a process has a socket of ours; may be empty. See kSucceeded.
    std::function<bool(pid_t)> holds_socket;
  };
  enum class Event {
    kUp,          // the program runs
    kExecFailed,  // failure() says why; kExited follows
    kStopped,     // by stop_signal(): it waits for SIGCONT
    // Ended, but left a successor in its place: pid() is new. That is the one
    // it has named (MAINPID=), or, after an exit with 0, the only orphan of its
    // own that holds a socket of ours (the USR2 of unicorn and gunicorn).
    kSucceeded,
    kExited,  // exit_status() is known; the owner now calls CleanUp
    kGone,    // nothing of it is left
    // Has not ended on SIGKILL, after StopLadder::kUnkillable or what
    // StopWithin gave it. It may still end.
    kSurvives,
  };
  // Must not destroy the instance; posting that is fine.
  using OnEvent = absl::AnyInvocable<void(Event)>;

  Instance(const Context& context, Spec spec, OnEvent on_event);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // The error is fork's; then there is no process and no event will come. With
  // `may_wait` the call may last until the program runs. With kNull the process
  // reads from /dev/null.
  absl::Status Start(bool may_wait = false, Stdin input = Stdin::kOurs);

  void MarkReady();

  // Sends `signo`, then SIGCONT; KILL after `timeout` (may be infinite). For
  // one that is not being stopped yet. What lives below it has that time as
  // well (Spec::stop_timeout, if it is infinite). `flag` is the one that sets
  // it, for the log; empty: only the process itself has the time.
  void Stop(int signo, absl::Duration timeout,
            std::string_view flag = kStopTimeout);
  // The same, but sends only SIGCONT: the terminal has sent the signal already.
  void ExpectStop(absl::Duration timeout, std::string_view flag);
  // Gives a stop that is under way this much from now on, for whatever was
  // left of its timeout; infinite: all the time it needs. After its SIGKILL:
  // kSurvives comes then. `flag` sets it; empty: none does.
  void StopWithin(absl::Duration timeout, std::string_view flag = "");
  // The same, but never less than it has.
  void ExtendStop(absl::Duration timeout);
  void KillNow();
  // Passes a signal on. Returns 0 or errno; ESRCH once it has ended.
  int Forward(const SignalInfo& signal);

  // Who is to be the main process when this one has ended (MAINPID=), if it is
  // our child by then.
  void SetSuccessor(pid_t pid) { successor_.Name(pid); }
  // Whether `pid` is the process or one of its own; nothing, if that is unknown
  // because of the orphan that is added to `unknown`: see IsMember.
  std::optional<bool> Has(pid_t pid, std::vector<ProcessInfo>* unknown) const;

  // After kExited, or kSurvives: what was noted at the last stop.
  StopNote stop_note() const;
  // After kExited: ends what was left behind, then kGone.
  void CleanUp();
  // To be called whenever children were reaped.
  void OnReaped();

  InstanceState state() const { return state_; }
  bool alive() const { return pid_ > 0 && !exit_status_.has_value(); }
  pid_t pid() const { return pid_; }
  pid_t first_pid() const { return first_pid_; }  // it may have a successor
  int generation() const { return spec_.generation; }
  const std::string& mark() const { return spec_.mark; }
  // Whether what the terminal sends to our group reaches it as well. It may
  // have left for a group or session of its own.
  bool SharesOurGroup() const;
  int stop_signal() const { return stopped_by_; }
  int stopped_with() const { return stop_signal_; }  // 0: not by a signal
  const SpawnFailure& failure() const { return failure_; }
  const std::optional<ExitStatus>& exit_status() const { return exit_status_; }
  // The stop was asked for by Stop, ExpectStop or KillNow.
  bool stop_requested() const { return stop_requested_; }
  // For SERVICE_RESULT, where the exit status does not tell all: of several
  // the first counts, as with systemd.
  void NoteResult(std::string_view result) {
    if (service_result_.empty()) service_result_ = result;
  }
  void ReplaceResult(std::string_view result) { service_result_ = result; }
  std::string_view result() const { return service_result_; }  // or empty
  // When it is killed, unless a freeze has moved that; InfiniteFuture: never.
  absl::Time stop_deadline() const { return ladder_.deadline(); }
  absl::Time started() const { return started_; }
  absl::Time ready_since() const { return ready_since_; }  // or InfiniteFuture

 private:
  int Send(const SignalInfo& signal);
  void Move(InstanceInput input) { state_ = Next(state_, input); }
  void ReadResult();
  void Watch();
  void OnExit(ExitStatus status);
  void Succeed(pid_t successor);
  void End(ExitStatus status);
  void Act(StopLadder::Act act);
  void OnSurvival();
  void LogSurvival();
  bool SignalsGroup() const { return spec_.signal_group && spec_.own_group; }
  void NoteStop(absl::Duration timeout, std::string_view flag, pid_t group);
  void SetLimit(absl::Duration timeout, std::string_view flag);
  absl::Time StopDeadline() const;

  const Context context_;
  const Spec spec_;
  OnEvent on_event_;
  InstanceState state_ = InstanceState::kStarting;
  pid_t pid_ = 0;
  pid_t first_pid_ = 0;             // leads the group
  Successor successor_;             // while it searches the process has ended
  std::optional<UniqueFd> result_;  // until it is read
  EventLoop::FdWatch result_watch_;
  SpawnFailure failure_;
  std::optional<ExitStatus> exit_status_;
  StopLadder ladder_;
  EventLoop::Timer stop_timer_;
  EventLoop::Timer survival_timer_;  // of SIGKILL
  int stop_signal_ = 0;
  int stopped_by_ = 0;
  bool stop_requested_ = false;
  std::string_view service_result_;  // a literal
  absl::Time started_;
  absl::Time ready_since_ = absl::InfiniteFuture();
  StopNote stop_note_;  // of the last stop
  absl::Time told_at_ = absl::InfinitePast();
  std::optional<Leftovers> leftovers_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_INSTANCE_H_
