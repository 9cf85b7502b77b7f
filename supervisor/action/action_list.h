// Applies a change by several actions, one after the other.
#ifndef REINIT_SUPERVISOR_ACTION_ACTION_LIST_H_
#define REINIT_SUPERVISOR_ACTION_ACTION_LIST_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "supervisor/action/action.h"

namespace reinit {

// In the order given, up to the first that fails. A retry goes on with that
// one; another change begins anew with the first.
class ActionList : public Action {
 public:
  explicit ActionList(std::vector<std::unique_ptr<Action>> actions)
      : actions_(std::move(actions)) {}

  void Begin() override;
  void Apply(const Reason& reason, OnDone done) override;
  void Retry(const Reason& reason, OnDone done) override;
  bool StartWillDo() const override;
  bool Restarts() const override;
  void OnNotify(const NotifyMessage& message) override;
  void OnGone() override;
  void Cancel() override;

 private:
  void Go(size_t index, bool again);
  void Finish(const absl::Status& result);

  const std::vector<std::unique_ptr<Action>> actions_;
  size_t failed_ = 0;  // where the last attempt came to its end
  Reason reason_;
  OnDone done_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_ACTION_LIST_H_
