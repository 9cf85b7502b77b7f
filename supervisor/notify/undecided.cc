#include "supervisor/notify/undecided.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace reinit {

bool Undecided::Waits(pid_t sender) const {
  return std::any_of(
      waiting_.begin(), waiting_.end(),
      [sender](const Message& one) { return one.sender == sender; });
}

bool Undecided::Add(Message message) {
  const auto of_one = std::count_if(
      waiting_.begin(), waiting_.end(), [&message](const Message& one) {
        return one.orphan.pid == message.orphan.pid;
      });
  if (waiting_.size() == kMost || static_cast<size_t>(of_one) == kMostOfOne) {
    return false;
  }
  waiting_.push_back(std::move(message));
  Ask();
  return true;
}

bool Undecided::AddNext(pid_t sender, const NotifyMessage& content) {
  const auto last = std::find_if(
      waiting_.rbegin(), waiting_.rend(),
      [sender](const Message& one) { return one.sender == sender; });
  return Add({sender, last->orphan, last->generation, content});
}

void Undecided::Ask() {
  std::vector<ProcessInfo> orphans;
  for (const Message& one : waiting_) orphans.push_back(one.orphan);
  question_.Ask(orphans, [this] { Decide(); });
}

void Undecided::Decide() {
  std::set<pid_t> behind;  // senders of which an earlier message still waits
  for (Message& one : std::exchange(waiting_, {})) {
    if (!marks_->Knows(one.orphan) || behind.count(one.sender) != 0) {
      behind.insert(one.sender);
      waiting_.push_back(std::move(one));
    } else {
      on_decided_(one);
    }
  }
  if (!waiting_.empty()) Ask();
}

}  // namespace reinit
