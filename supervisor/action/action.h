// What is done about a change.
#ifndef REINIT_SUPERVISOR_ACTION_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_ACTION_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Applies one change. Owned by the Supervisor, on its thread; one call at a
// time.
class Action {
 public:
  // OK: applied. Else it says in one line why not, and the change stays
  // pending.
  using OnDone = std::function<void(const absl::Status&)>;

  virtual ~Action() = default;

  // As --on-change calls it.
  virtual std::string_view name() const = 0;

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

  // Whether it starts the process anew.
  virtual bool Restarts() const { return false; }

  // What the process said of itself (sd_notify).
  virtual void OnNotify(const NotifyMessage& message) { (void)message; }

  // The process has ended: what is under way with it has failed.
  virtual void OnGone() {}

  // Reinit is about to end: what is under way is dropped, without a `done`.
  virtual void Cancel() {}
};

// Starts the process anew, which is the Supervisor's own business.
class RestartAction : public Action {
 public:
  using Restart = std::function<void(const Reason&, OnDone)>;
  explicit RestartAction(Restart restart) : restart_(std::move(restart)) {}

  std::string_view name() const override { return "restart"; }
  void Apply(const Reason& reason, OnDone done) override {
    restart_(reason, std::move(done));
  }
  bool Restarts() const override { return true; }

 private:
  const Restart restart_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_ACTION_H_
