// Keeps messages of senders of which it is not known whose they are.
#ifndef REINIT_SUPERVISOR_NOTIFY_UNDECIDED_H_
#define REINIT_SUPERVISOR_NOTIFY_UNDECIDED_H_

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "supervisor/context.h"
#include "supervisor/marks.h"
#include "supervisor/notify/notify_message.h"

namespace reinit {

// A message that cannot be judged before the marks of an orphan are known: it
// waits for these, and so do the later ones of its sender. Owned by the
// Supervisor, on its thread.
class Undecided {
 public:
  struct Message {
    pid_t sender = 0;
    ProcessInfo orphan;  // its marks decide
    int generation = 0;  // of the sender's instance; 0: the orphan decides this
    NotifyMessage content;
  };
  using OnDecided = std::function<void(const Message&)>;

  // `on_decided` is called from the loop, in the order of each sender.
  Undecided(const Context& context, OnDecided on_decided)
      : marks_(context.marks),
        on_decided_(std::move(on_decided)),
        question_(context.marks) {}

  // Both return false if too many wait already: the message is lost.
  bool Add(Message message);
  // Behind those of this sender that wait: Waits is true for it.
  bool AddNext(pid_t sender, const NotifyMessage& content);
  bool Waits(pid_t sender) const;

  // In all, and for one orphan: one that hangs does not take all places.
  static constexpr size_t kMost = 64;
  static constexpr size_t kMostOfOne = 16;

 private:
  void Ask();
  void Decide();

  Marks* const marks_;
  const OnDecided on_decided_;
  std::deque<Message> waiting_;  // oldest first
  Marks::Question question_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_UNDECIDED_H_
