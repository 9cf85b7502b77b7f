// What is done about a change.
#ifndef REINIT_SUPERVISOR_ACTION_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_ACTION_H_

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "supervisor/strategy/strategy.h"

namespace reinit {

// Applies one change. Owned by the Supervisor, on its thread; one call at a
// time.
class Action {
 public:
  // True: applied. False: not, and the change stays pending.
  using OnDone = std::function<void(bool)>;

  virtual ~Action() = default;

  // As --on-change calls it.
  virtual std::string_view name() const = 0;

  // `done` is called once, from here or later.
  virtual void Apply(const Reason& reason, OnDone done) = 0;

  // What the process said of itself (sd_notify).
  virtual void OnNotify(const NotifyMessage& message) { (void)message; }

  // The process has ended: what is under way with it has failed.
  virtual void OnGone() {}
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

 private:
  const Restart restart_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_ACTION_H_
