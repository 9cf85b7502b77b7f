#include "supervisor/action/action_list.h"

#include <algorithm>
#include <utility>

namespace reinit {

void ActionList::Begin() {
  for (const auto& action : actions_) action->Begin();
}

void ActionList::Apply(const Reason& reason, OnDone done) {
  reason_ = reason;
  done_ = std::move(done);
  Go(0, /*again=*/false);
}

void ActionList::Retry(const Reason& reason, OnDone done) {
  reason_ = reason;
  done_ = std::move(done);
  Go(failed_, /*again=*/true);
}

void ActionList::Go(size_t index, bool again) {
  failed_ = 0;
  if (index == actions_.size()) {
    Finish(absl::OkStatus());
    return;
  }
  const auto then = [this, index](const absl::Status& result) {
    if (!done_) return;
    if (result.ok()) {
      Go(index + 1, /*again=*/false);
    } else {
      failed_ = index;
      Finish(result);
    }
  };
  if (again) {
    actions_[index]->Retry(reason_, then);
  } else {
    actions_[index]->Apply(reason_, then);
  }
}

void ActionList::Finish(const absl::Status& result) {
  if (const OnDone done = std::exchange(done_, nullptr)) done(result);
}

bool ActionList::StartWillDo() const {
  return std::all_of(actions_.begin(), actions_.end(),
                     [](const auto& action) { return action->StartWillDo(); });
}

bool ActionList::Restarts() const {
  return std::any_of(actions_.begin(), actions_.end(),
                     [](const auto& action) { return action->Restarts(); });
}

void ActionList::OnNotify(const NotifyMessage& message) {
  for (const auto& action : actions_) action->OnNotify(message);
}

void ActionList::OnGone() {
  for (const auto& action : actions_) action->OnGone();
}

void ActionList::Cancel() {
  done_ = nullptr;
  for (const auto& action : actions_) action->Cancel();
}

}  // namespace reinit
