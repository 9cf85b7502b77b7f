// Remembers recent notify senders that are not ours.
#ifndef REINIT_SUPERVISOR_NOTIFY_STRANGERS_H_
#define REINIT_SUPERVISOR_NOTIFY_STRANGERS_H_

#include <sys/types.h>

#include <array>
#include <cstddef>

#include "absl/time/time.h"

namespace reinit {

// Keeps a few pids, each for a second. A flood costs PID 1 one look at /proc a
// second; a flood from ever new pids costs the sender a fork each. The kernel
// does not give a pid to another process so soon. Pure values.
class Strangers {
 public:
  static constexpr absl::Duration kForgotten = absl::Seconds(1);

  bool Has(pid_t pid, absl::Time now) const {
    for (const Entry& entry : entries_) {
      if (entry.pid == pid && entry.until > now) return true;
    }
    return false;
  }

  void Add(pid_t pid, absl::Time now) {
    entries_[next_] = {pid, now + kForgotten};
    next_ = (next_ + 1) % entries_.size();
  }

 private:
  struct Entry {
    pid_t pid = -1;
    absl::Time until = absl::InfinitePast();
  };
  std::array<Entry, 16> entries_;
  size_t next_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_STRANGERS_H_
