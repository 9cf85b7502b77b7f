#include "supervisor/marks.h"

#include <algorithm>
#include <utility>

namespace reinit {

// A callback may own its question.
Marks::~Marks() {
  while (!asked_.empty()) asked_.back()->Cancel();
}

void Marks::Answer() {
  told_.insert(told_.end(), asked_.begin(), asked_.end());
  asked_.clear();
  while (!told_.empty()) {
    Question* const one = told_.front();
    told_.erase(told_.begin());
    // It may destroy its question.
    const auto then = std::exchange(one->then_, nullptr);
    then();
  }
}

void Marks::Question::Ask(absl::Span<const ProcessInfo> unknown,
                          std::function<void()> then) {
  Cancel();
  marks_->Learn(unknown);
  then_ = std::move(then);
  marks_->asked_.push_back(this);
}

void Marks::Question::Cancel() {
  for (auto* const list : {&marks_->asked_, &marks_->told_}) {
    list->erase(std::remove(list->begin(), list->end(), this), list->end());
  }
  // Last: it may own this.
  const auto then = std::exchange(then_, nullptr);
}

}  // namespace reinit
