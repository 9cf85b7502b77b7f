// One running process.
#ifndef REINIT_SUPERVISOR_INSTANCE_H_
#define REINIT_SUPERVISOR_INSTANCE_H_

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
#include "reaper/stop_ladder.h"
#include "supervisor/context.h"
#include "supervisor/instance_state.h"
#include "supervisor/leftovers.h"

namespace reinit {

// The supervised command, started once: its state, its stop ladder and what it
// leaves behind. Owned by the Supervisor; on its thread. Destroying one forgets
// the process, it does not stop it.
class Instance {
 public:
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
  };
  // Must not destroy the instance; posting that is fine.
  using OnEvent = absl::AnyInvocable<void(Event)>;

  Instance(const Context& context, Spec spec, OnEvent on_event);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // The error is fork's; then there is no process and no event will come.
  absl::Status Start();

  void MarkReady();

  // Sends `signo`, then SIGCONT; KILL after `timeout` (may be infinite). For
  // one that is not being stopped yet.
  void Stop(int signo, absl::Duration timeout);
  // The same without a signal: the terminal has sent it already.
  void ExpectStop(absl::Duration timeout);
  // Gives a stop that is under way this much from now on, for whatever was
  // left of its timeout; infinite: all the time it needs.
  void StopWithin(absl::Duration timeout);
  // The same, but never less than it has.
  void ExtendStop(absl::Duration timeout);
  void KillNow();
  // Passes a signal on. Returns 0 or errno; ESRCH once it has ended.
  int Forward(const SignalInfo& signal);

  // Who is to be the main process when this one has ended (MAINPID=), if it is
  // our child by then.
  void SetSuccessor(pid_t pid) { successor_ = pid; }
  // Whether `pid` is the process or one of its own.
  bool Has(pid_t pid) const;

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
  pid_t FindSuccessor(const ExitStatus& status);
  bool Succeed(const ExitStatus& status);
  void OnExit(ExitStatus status);
  void Act(StopLadder::Act act);
  void OnSurvival();

  const Context context_;
  const Spec spec_;
  OnEvent on_event_;
  InstanceState state_ = InstanceState::kStarting;
  pid_t pid_ = 0;
  pid_t first_pid_ = 0;  // leads the group
  pid_t successor_ = 0;
  UniqueFd result_;
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
  std::optional<Leftovers> leftovers_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_INSTANCE_H_
