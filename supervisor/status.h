// Holds all that status and metrics show.
#ifndef REINIT_SUPERVISOR_STATUS_H_
#define REINIT_SUPERVISOR_STATUS_H_

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "reaper/process_tree.h"
#include "supervisor/reason.h"

namespace reinit {

// What is shown of one health check.
struct CheckStatus {
  enum class State { kUnknown, kPassing, kFailing };
  std::string check;  // as given
  State state = State::kUnknown;
  int failures = 0;                               // in a row, that counted
  std::string text;                               // the last result in words
  absl::Duration ago = absl::InfiniteDuration();  // infinite: none yet
};

// Shown for a sidecar only.
struct SidecarStatus {
  bool applies_at_start = false;  // --on-start=apply
};

// How much of --start-limit-burst is used up.
struct StartLimitStatus {
  int used = 0;
  int burst = 0;  // 0: no limit
};

struct WorkerStatus;

// A copy, as of one instant; times are durations until then. Whoever renders
// it bounds what is too long or too many (supervisor/control).
struct Status {
  struct Process {
    pid_t pid = 0;
    absl::Duration uptime;
    std::optional<absl::Duration> ready;  // for so long; none: is not
    std::vector<pid_t> pids;              // all of its own, itself included
    bool stopping = false;                // is to end
  };
  struct Restart {
    std::string_view cause;
    std::string text;
    absl::Duration ago;
    int generation = 0;  // that was replaced
  };
  struct Applied {
    std::string_view cause;
    std::string text;
    absl::Time at;  // time of day
    absl::Duration ago;
    absl::Duration took;  // until its action was done, or its process ready
  };
  struct Awaited {
    std::string_view what;  // the flag that asks for it
    absl::Duration since;
  };
  struct Listener {
    std::string name;
    std::string address;
  };
  using Worker = WorkerStatus;

  std::string state;                     // Supervisor::StateName
  std::optional<SidecarStatus> sidecar;  // there never is a process
  pid_t reinit_pid = 0;
  absl::Duration uptime;
  int generation = 0;
  bool serves = false;  // is ready, and neither is to end nor has said so
  std::optional<Process> process;  // none: there is none now
  // With start-first: the next one, not ready yet, or the former one, which
  // is to end.
  std::optional<Process> other_process;
  std::string last_exit;  // in words; empty: none has ended yet
  uint64_t exits = 0;
  uint64_t oom_kills = 0;  // by the kernel, the process's own included

  std::vector<std::pair<std::string_view, uint64_t>> restarts;  // by cause, all
  std::vector<Restart> last_restarts;                           // newest first
  std::string end_reason;               // why it gave up, or ends
  std::optional<Applied> last_applied;  // a change, or a restart
  std::optional<Awaited> awaited;       // a hook or an action that runs

  std::string_view change;  // ChangeState; "none": nothing to be applied
  std::string change_text;
  std::optional<uint64_t> attempted_content;  // digest of the last one tried
  std::optional<uint64_t> applied_content;    // and applied
  uint64_t changes_applied = 0;
  uint64_t changes_failed = 0;  // each attempt
  std::string change_failure;   // of the last attempt, why; empty: it succeeded
  // Of changes and restarts that were asked for: whether the last one that came
  // to an end succeeded, and when one did, as time of day; none: not yet.
  std::optional<bool> reload_succeeded;
  std::optional<absl::Time> reload_success_time;
  bool change_queued = false;  // one more comes after that

  std::vector<CheckStatus> checks;
  std::optional<absl::Duration> next_start;  // backoff is under way
  StartLimitStatus limit;
  std::vector<NeglectfulParent> zombies;
  std::vector<std::string> strategies;
  std::vector<Listener> listeners;
  std::vector<Worker> workers;  // by number; none: there is one process

  // The process runs, or each worker does, and no change or restart is under
  // way.
  bool Settled() const;
  int ReadyWorkers() const;

  // There is no process, and none comes unless somebody changes something or
  // asks for one.
  bool WaitsForOthers() const {
    return state == "waiting" && change == "none" && !change_queued;
  }
};

// One of several workers. The fields are those of Status.
struct WorkerStatus {
  int number = 0;  // from 1
  std::string state;
  int generation = 0;
  bool serves = false;
  std::optional<Status::Process> process;
  std::optional<Status::Process> other_process;
  std::string last_exit;
  uint64_t exits = 0;
  std::optional<absl::Duration> next_start;
  std::vector<std::pair<std::string_view, uint64_t>> restarts;
  std::string end_reason;
  std::vector<CheckStatus> checks;
  bool outdated = false;  // a change waits for its turn in the roll

  bool Settled() const {
    return process.has_value() && !outdated &&
           (state == "up" || state == "ready");
  }
};

inline bool Status::Settled() const {
  if (change_queued) return false;
  if (sidecar) return state == "watching" && change == "none";
  if (!workers.empty()) {
    return change == "none" &&
           std::all_of(workers.begin(), workers.end(),
                       [](const Worker& worker) { return worker.Settled(); });
  }
  return process.has_value() && change == "none" &&
         (state == "up" || state == "ready");
}

inline int Status::ReadyWorkers() const {
  return static_cast<int>(
      std::count_if(workers.begin(), workers.end(),
                    [](const Worker& worker) { return worker.serves; }));
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STATUS_H_
