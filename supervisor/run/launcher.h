// Brings one process up: environment, --pre-start, fork.
#ifndef REINIT_SUPERVISOR_RUN_LAUNCHER_H_
#define REINIT_SUPERVISOR_RUN_LAUNCHER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/notify/ready_report.h"
#include "supervisor/options.h"
#include "supervisor/process/instance.h"
#include "supervisor/process/job.h"
#include "supervisor/run/socket_files.h"
#include "supervisor/side/side_read.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategies.h"
#include "supervisor/value/backoff.h"

namespace reinit {

// Makes the environment, runs --pre-start, and forks; one start at a time.
//
//   Idle      | Begin                  -> Reading, or straight on
//   Reading   | the files are read     -> PreStart, or forks
//             | they cannot be read    -> the same, with the last environment
//             |                           that was good, and a warning
//             | they never were read   -> Idle: kNoProcess
//             | no child to read them  -> Idle: kNoProcess
//             | End                    -> Idle, without an event
//   PreStart  | the hook succeeds      -> forks
//             | it fails, or takes     -> Idle: kHookFailed, then kHookDone
//             |   too long             |
//             | it cannot be forked    -> Idle: kNoProcess, then kHookDone
//             | it ends, after End     -> Idle: kDropped
//   (forks)   | sockets have files     -> Files, before all else
//   Files     | they are checked, or   -> (forks)
//             |   cannot be            |
//             | End                    -> Idle, without an event
//   (forks)   | always, first          -> kForking
//             | there is a process     -> Idle: kLaunched
//             | there is none          -> Idle: kNoProcess
//
// Owned by the Runner, on its thread.
class Launcher {
 public:
  enum class Event {
    kForking,     // now: forget what was known of the process before
    kLaunched,    // Take() has it
    kNoProcess,   // status() says why; nothing is wrong with the command
    kHookFailed,  // hook() says how; kHookDone follows
    kHookDone,    // after kHookFailed or kNoProcess of a hook
    kDropped,     // after End: the hook has ended
  };
  using OnEvent = std::function<void(Event)>;
  using OnInstance = std::function<void(int generation, Instance::Event)>;
  // Why the process is started; null: it is the first.
  using Why = std::function<const Reason*()>;

  struct Parts {
    Strategies* strategies;
    NotifySocket* notify;    // or null
    ListenSockets* sockets;  // or null
  };

  // All pointers are borrowed. `environment` is that of reinit.
  Launcher(const Context& context, const Options* options, const Parts& parts,
           std::vector<std::string> environment, Why why,
           OnInstance on_instance, OnEvent on_event);
  ~Launcher();

  // Makes the mark of the commands that a sidecar runs.
  void MarkSidecar();
  // Reads the environment files for the commands that a sidecar runs, then
  // calls `then`. Tries again until they can be read.
  void ReadEnvironment(std::function<void()> then);

  void Begin();
  bool busy() const {
    return read_.busy() || hook_ != nullptr || read_again_.armed() ||
           socket_files_.waiting();
  }
  // The end of reinit: nothing is forked any more, and a running hook may end
  // by itself.
  void End();
  // For the files of the held sockets, see SocketFiles; nothing after End.
  void OnProcessStopping();
  void OnProcessEnded(bool stopping);
  // Ends a hook whose start is no longer wanted.
  void StopHook(int signo);

  std::unique_ptr<Instance> Take() { return std::move(instance_); }
  const absl::Status& status() const { return status_; }
  const Job::Result& hook() const { return result_; }
  absl::Duration RetryDelay(double random) { return backoff_.Take(random); }

  // Of the newest start, the one under way included.
  int generation() const { return generation_; }
  const std::string& mark() const { return mark_; }
  absl::Time began() const { return began_; }
  bool hook_runs() const { return hook_ != nullptr; }
  absl::Time hook_started() const { return hook_->started(); }

  // For the process of `generation` and its hooks.
  std::vector<std::string> Environment(int generation) const;
  // For an action that is about `reason`.
  std::vector<std::string> ActionEnvironment(const Reason& reason) const;
  // Whether orphans are handed to us.
  bool Adopts() const;
  // Whether a supervising reinit was on a terminal when it started, and its
  // process may use that.
  bool on_terminal() const { return on_terminal_; }

 private:
  using OnRead = std::function<void(const absl::Status&)>;
  void ReadForSidecar();
  void RefreshEnvironment(OnRead then);
  absl::Status TakeEnvironment(const absl::StatusOr<std::string>& packed);
  void Prepare();
  void OnHook(const Job::Result& result);
  void Fork();
  void ForkNow(const std::string& socket_files);
  void RenewSockets(const std::string& files);
  void Abandon(const absl::Status& why);
  Instance::Spec MakeSpec() const;
  void AddParts(Instance::Spec* spec) const;

  const Context context_;
  const Options* const options_;
  const Parts parts_;
  const bool on_terminal_;  // at the start
  const Why why_;
  const OnInstance on_instance_;
  const OnEvent on_event_;
  std::vector<std::string> base_environment_;
  std::vector<std::string> environment_;  // of the next start
  bool has_environment_ = false;          // it has what the files have
  std::string mark_;                      // of the newest start
  int generation_ = 0;
  absl::Time began_ = absl::InfinitePast();
  bool ending_ = false;
  SideRead read_;
  SocketFiles socket_files_;
  std::function<void()> sidecar_begins_;  // once the files are read
  EventLoop::Timer read_again_;
  std::unique_ptr<Job> hook_;
  Backoff backoff_;  // while nothing can be forked, or read
  std::unique_ptr<Instance> instance_;
  absl::Status status_;
  Job::Result result_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_LAUNCHER_H_
