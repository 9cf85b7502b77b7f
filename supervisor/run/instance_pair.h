// Owns the process that runs, and with --restart-order=start-first the one next
// to it.
#ifndef REINIT_SUPERVISOR_RUN_INSTANCE_PAIR_H_
#define REINIT_SUPERVISOR_RUN_INSTANCE_PAIR_H_

#include <memory>
#include <optional>

#include "supervisor/context.h"
#include "supervisor/process/instance.h"
#include "supervisor/status.h"

namespace reinit {

// Holds at most two instances: the current one, and one that is leaving.
//
//   current          | leaving           |
//   -----------------+-------------------+-----------------------------------
//   none             | none              | nothing serves
//   new              | none              | it serves; once ready, it stands
//                    |                   | alone
//   new, not ready   | old, serves       | overlapping: the strategies judge
//                    |                   | the new one, signals go to the old,
//                    |                   | until it ends or is told to stop
//   new, ready       | old, is stopped   | the old one drains
//   old, serves      | new, is stopped   | reinstated: the start is retried,
//                    |                   | or superseded by a newer change
//   none, in backoff | old, is stopped   | the new one died while it drains
//
// Owned by the Supervisor, which lends it to the Runner and to those that send
// signals; used on its thread.
class InstancePair {
 public:
  explicit InstancePair(const Context& context) : context_(context) {}

  // Null: there is none, or only one that leaves.
  Instance* current() { return current_.get(); }
  const Instance* current() const { return current_.get(); }
  Instance* leaving() { return leaving_.get(); }
  const Instance* leaving() const { return leaving_.get(); }
  bool empty() const { return current_ == nullptr && leaving_ == nullptr; }
  // True if the current one was started next to the leaving one, which is alive
  // and was not asked to stop: it serves until the current one is ready. Never
  // after Reinstate, until the next Add, and never after Settle.
  bool Overlapping() const;
  // One that was told to stop has not gone yet.
  bool IsStoppingOne() const;
  // The one that gets the signals and is shown. Null: there is none.
  const Instance* Serving() const {
    return Overlapping() ? leaving_.get() : current_.get();
  }
  // True if the leaving process was replaced and is being stopped. `newest` is
  // the generation of the newest start.
  bool ReplacedOneDrains(int newest) const;
  // True if only the current process is there and it is ready: the next one may
  // be started next to it.
  bool StandsAlone() const;

  // `instance` becomes the current one, and what was current leaves.
  void Add(std::unique_ptr<Instance> instance);
  // Swaps the two, both of which must be there: the old one goes on. Sends no
  // signal: the caller stops the new one.
  void Reinstate();
  // At the end of reinit: reinstates the old one of an overlap, whose exit
  // status becomes that of reinit. Nothing overlaps afterwards.
  void Settle();
  // One that lives survives SIGKILL and is not waited for: survivor().
  void DropCurrent() {
    if (current_ != nullptr) last_stop_ = current_->stop_note();
    Drop(&current_);
  }
  void DropLeaving() { Drop(&leaving_); }

  // Fills in the processes that are shown.
  void Describe(absl::Time now, Status* status) const;

  void OnReaped();
  void KillNow();
  // Calls `f` for each that is alive.
  template <typename F>
  void ForEachAlive(F f) {
    for (Instance* const one : {current_.get(), leaving_.get()}) {
      if (one != nullptr && one->alive()) f(one);
    }
  }

  // The pid of the current one, also when it has just ended; 0 before the
  // first.
  pid_t last_pid() const { return last_pid_; }
  // Instance::stop_note of the current one that was dropped last.
  const StopNote& last_stop() const { return last_stop_; }
  // The process that was dropped while it lived, the last one; 0: none.
  pid_t survivor() const { return survivor_; }
  // Another process has become the main process of the current one.
  void OnSucceeded() { last_pid_ = current_->pid(); }

 private:
  std::optional<Status::Process> DescribeOne(const Instance* instance,
                                             absl::Time now) const;
  void Drop(std::unique_ptr<Instance>* instance);

  const Context context_;
  std::unique_ptr<Instance> current_;
  std::unique_ptr<Instance> leaving_;
  pid_t last_pid_ = 0;
  StopNote last_stop_;
  pid_t survivor_ = 0;
  bool overlaps_ = false;  // the current one was added next to the leaving one
  bool settled_ = false;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_INSTANCE_PAIR_H_
