// Reaps children, which is the duty of PID 1, and tells their owners.
#ifndef REINIT_REAPER_CHILD_TABLE_H_
#define REINIT_REAPER_CHILD_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "reaper/event_loop.h"
#include "reaper/os.h"

namespace reinit {

// Reaps every child there is, also those adopted and never heard of, and tells
// the owner of each known one. There is one thread and nobody else waits, so a
// pid in this table belongs to that child until the turn in which it is reaped;
// it may be signalled at any time.
class ChildTable {
 public:
  using OnExit = absl::AnyInvocable<void(ExitStatus)>;
  using OnStop = absl::AnyInvocable<void(int signo)>;

  // Both are borrowed and must outlive the table.
  ChildTable(EventLoop* loop, Os* os) : loop_(loop), os_(os) {}
  ChildTable(const ChildTable&) = delete;
  ChildTable& operator=(const ChildTable&) = delete;

  // `on_exit` is called once, from Reap, unless the pid is forgotten before;
  // `on_stop`, if there is one, each time a signal has stopped the child.
  void Add(pid_t pid, OnExit on_exit, OnStop on_stop = nullptr);

  // The same for an orphan that was adopted, which Knows does not know. Several
  // may wait for one. Returns a ticket for ForgetOrphan.
  uint64_t AddOrphan(pid_t pid, OnExit on_exit);
  void ForgetOrphan(uint64_t ticket);

  // The child will be reaped all the same, but nobody is told. False if it has
  // been reaped in this very turn: its number must not be used any more.
  bool Forget(pid_t pid);

  // The same for one of reinit's own, which is killed now or dies with it:
  // until it is reaped Knows knows it, so that it is never taken for a
  // leftover.
  bool ForgetOwn(pid_t pid);

  // To be called when SIGCHLD was seen. Draws all ended children, since
  // SIGCHLD coalesces; after kPerTurn it lets other events have their turn.
  void Reap();

  // Called after each Reap that reaped somebody: for those who look for
  // processes that they do not know as children.
  void set_on_reaped(absl::AnyInvocable<void()> callback) {
    on_reaped_ = std::move(callback);
  }

  // Called for each one as it is reaped, before its owner is told, and whenever
  // there is nobody left to reap: for those who only want to know.
  struct Spectator {
    absl::AnyInvocable<void(pid_t, ExitStatus)> on_each;
    absl::AnyInvocable<void()> on_all;
  };
  void set_spectator(Spectator spectator) { spectator_ = std::move(spectator); }

  // As far as the last Reap and Add tell, this process has no child left, dead
  // or alive.
  bool none_left() const { return none_left_; }
  bool Knows(pid_t pid) const;
  size_t size() const { return children_.size(); }
  // Reaped without an owner: orphans that were adopted, mostly.
  uint64_t adopted_reaped() const { return adopted_reaped_; }

  static constexpr int kPerTurn = 1024;

 private:
  void Stopped(pid_t pid, int signo);

  struct Child {
    pid_t pid;
    OnExit on_exit;
    OnStop on_stop;
    bool reaped = false;  // its owner is about to be told
  };

  EventLoop* const loop_;
  Os* const os_;
  struct Orphan {
    uint64_t ticket;
    pid_t pid;
    OnExit on_exit;
    bool reaped = false;
  };

  void TellOrphans(pid_t pid, ExitStatus status);

  std::vector<Child> children_;  // a handful
  std::vector<Orphan> orphans_;  // a handful
  std::vector<pid_t> own_;       // forgotten, but not reaped yet
  uint64_t last_ticket_ = 0;
  absl::AnyInvocable<void()> on_reaped_;
  Spectator spectator_;
  uint64_t adopted_reaped_ = 0;
  bool none_left_ = true;
};

}  // namespace reinit

#endif  // REINIT_REAPER_CHILD_TABLE_H_
