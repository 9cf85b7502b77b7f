// Brings down what a process left behind.
#ifndef REINIT_SUPERVISOR_PROCESS_LEFTOVERS_H_
#define REINIT_SUPERVISOR_PROCESS_LEFTOVERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reaper/event_loop.h"
#include "reaper/value/stop_ladder.h"
#include "supervisor/context.h"
#include "supervisor/marks.h"

namespace reinit {

// What was known of the other processes when the main process was stopped.
struct StopNote {
  // Have got the stop signal together with the main process (-PID: a group),
  // so they get no TERM.
  std::vector<pid_t> told;
  // Lived below the main process, by pid and ProcessInfo::started; ascending.
  // A server that a shell, npm or make has started is one of them.
  std::vector<std::pair<pid_t, uint64_t>> below;
  // Until then no leftover is killed while one of `below` lives.
  absl::Time until = absl::InfinitePast();
  std::string limit;  // "--stop-timeout=10s": the flag that sets `until`
};

// TERM and CONT, a bounded time, KILL, so that a port is free for the next
// instance and nothing is cut off without a chance. Owned by who wants it done;
// runs on the loop's thread.
class Leftovers {
 public:
  // Whose processes: those of one instance, or (at the final end) every child
  // of ours and its descendants. What entered the container from outside
  // (`docker exec`: parent 0) is no child of ours and is never touched, and
  // helpers and jobs, which the child table knows, never are either.
  struct Scope {
    bool everything = false;
    // Orphans are handed to us. Else those of the instance are told by mark,
    // group and session alone, and nobody tells when they have ended.
    bool adopted = true;
    // The instance's REINIT_INSTANCE=... entry, which tells its orphans from
    // those of `docker exec`, which are handed to PID 1 as well.
    std::string mark;
    // Its main process's pid (by now reaped): who is in its group or session
    // belongs to it too, and where there is no /proc that group is signalled.
    pid_t main = 0;
    StopNote stop = {};
    // A main process that survives SIGKILL and is not waited for any more, but
    // what runs below it is. 0: none.
    pid_t survivor = 0;
  };
  using OnDone = absl::AnyInvocable<void()>;

  // `done` is called once, from Start or later; it may not destroy this object.
  Leftovers(const Context& context, absl::Duration timeout, Scope scope,
            OnDone done);

  void Start();
  void KillNow();
  // To be called whenever children were reaped. Looks for others at a bounded
  // rate, and at once when all that was found has ended.
  void Look();

 private:
  struct Found {
    std::vector<pid_t> live;
    std::vector<pid_t> below;  // those of them that StopNote::below has
    // Orphans of whom it cannot be told whose they are: HidesOthers...
    std::vector<pid_t> ending;
    // ...just being executed, most likely, if not unreadable for good...
    std::vector<pid_t> unsure;
    // ...or not read yet.
    std::vector<ProcessInfo> unknown;
    std::vector<pid_t> unreadable;  // no orphans
    bool empty() const { return live.empty() && ending.empty(); }
  };

  Found Find();
  bool IsKnown(pid_t pid) const;
  std::vector<pid_t> Orphans(absl::Span<const pid_t> children) const;
  Found LookOnce();
  Found Judge(absl::Span<const ProcessInfo> processes) const;
  bool NothingNew();
  std::vector<pid_t> FindWithoutProc() const;
  bool MustWait();
  bool AnyLives(std::vector<pid_t>* pids) const;
  void LookAgain(bool follows_up = false);
  void OnMarks();
  absl::Time Deadline() const;
  // `again`: only another look, with the deadline as it is.
  void Act(StopLadder::Act act, bool again = false);
  void OnEmpty();
  void OnTimer();
  void Signal(const std::vector<pid_t>& pids, bool kill);
  void LogKill(pid_t pid);
  void Finish();

  const Context context_;
  const Scope scope_;
  const absl::Duration timeout_;
  StopLadder ladder_;
  EventLoop::Timer timer_;
  EventLoop::Timer look_timer_;  // a look that waits for its time
  absl::Time next_look_ = absl::InfinitePast();
  std::vector<pid_t> awaited_;  // found by the last look; not all need be alive
  std::vector<pid_t> seen_;     // orphans that the last look has judged
  std::map<pid_t, absl::Time> unsure_;  // since when
  std::set<pid_t> unreadable_;          // not asked about again
  int early_looks_ = 0;
  Marks::Question question_;
  OnDone done_;
  std::vector<pid_t> terminated_;  // have had their TERM
  std::vector<pid_t> killed_;      // were named in the log
  std::string killed_for_;         // the flag whose time is over, or empty
  absl::Time armed_for_ = absl::InfinitePast();
  std::vector<pid_t> below_;  // as awaited_, of StopNote::below
  bool follows_up_ = false;   // the last look came as marks were known
  bool dying_ = false;        // only children that end by themselves are left
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_LEFTOVERS_H_
