// Defines an action: it applies a change.
#ifndef REINIT_SUPERVISOR_ACTION_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_ACTION_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "supervisor/notify/notify_message.h"
#include "supervisor/reason.h"

namespace reinit {

// Applies one change. Owned by Changes, on the loop's thread; one call at a
// time.
class Action {
 public:
  // OK: applied. Else it says in one line why not, and the change stays
  // pending.
  using OnDone = std::function<void(const absl::Status&)>;

  virtual ~Action() = default;

  // Once, before the first change: says what it would do it to.
  virtual void Begin() {}

  // `done` is called once, from here or later.
  virtual void Apply(const Reason& reason, OnDone done) = 0;

  // The change that was not applied, once more: what has succeeded of it is not
  // done again.
  virtual void Retry(const Reason& reason, OnDone done) {
    Apply(reason, std::move(done));
  }

  // Whether a process that starts has the change by that alone.
  virtual bool StartWillDo() const { return true; }

  // Whether it starts the process again, among other things or alone.
  virtual bool Restarts() const { return false; }

  // Whether it does nothing else: then whoever planned the start retries it.
  virtual bool OnlyRestarts() const { return false; }

  // What the process said of itself (sd_notify).
  virtual void OnNotify(const NotifyMessage& message) { (void)message; }

  // The process has ended: what is under way with it has failed.
  virtual void OnGone() {}

  // Reinit is about to end: what is under way is dropped, without a `done`.
  virtual void Cancel() {}
};

// Starts the process again, through its owner's hook.
class RestartAction : public Action {
 public:
  using Restart = std::function<void(const Reason&, OnDone)>;
  explicit RestartAction(Restart restart) : restart_(std::move(restart)) {}

  void Apply(const Reason& reason, OnDone done) override {
    restart_(reason, std::move(done));
  }
  bool Restarts() const override { return true; }
  bool OnlyRestarts() const override { return true; }

 private:
  const Restart restart_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_ACTION_H_
