// Brings down what a process left behind.
#ifndef REINIT_SUPERVISOR_LEFTOVERS_H_
#define REINIT_SUPERVISOR_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/stop_ladder.h"
#include "supervisor/context.h"

namespace reinit {

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
  };
  using OnDone = absl::AnyInvocable<void()>;

  // `done` is called once, from Start or later; it may not destroy this object.
  Leftovers(const Context& context, absl::Duration timeout, Scope scope,
            OnDone done);

  void Start();
  void KillNow();
  // To be called whenever children were reaped.
  void Look();

 private:
  std::vector<pid_t> Find() const;
  std::vector<pid_t> LookOnce() const;
  std::vector<pid_t> FindWithoutProc() const;
  // `again`: only another look, with the deadline as it is.
  void Act(StopLadder::Act act, bool again = false);
  void OnEmpty();
  void OnTimer();
  void Signal(const std::vector<pid_t>& pids, bool kill);
  void Finish();

  const Context context_;
  const Scope scope_;
  StopLadder ladder_;
  EventLoop::Timer timer_;
  OnDone done_;
  std::vector<pid_t> terminated_;  // have had their TERM
  bool dying_ = false;  // only children that end by themselves are left
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_LEFTOVERS_H_
