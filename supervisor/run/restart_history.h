// Counts restarts by cause and keeps the last few reasons.
#ifndef REINIT_SUPERVISOR_RUN_RESTART_HISTORY_H_
#define REINIT_SUPERVISOR_RUN_RESTART_HISTORY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/time/time.h"
#include "supervisor/reason.h"

namespace reinit {

// Counts by cause, and the last few reasons; bounded. Owned by the RestartPlan.
class RestartHistory {
 public:
  struct Entry {
    Reason::Cause cause;
    std::string text;
    absl::Time when;
    int generation;  // of the process that was there before
  };
  static constexpr size_t kKept = 8;

  void Note(const Reason& reason, absl::Time now, int generation) {
    ++counts_[static_cast<size_t>(reason.cause)];
    last_.push_front(
        {reason.cause, reason.text.substr(0, kKeptBytes), now, generation});
    if (last_.size() > kKept) last_.pop_back();
  }

  uint64_t count(Reason::Cause cause) const {
    return counts_[static_cast<size_t>(cause)];
  }
  const std::deque<Entry>& last() const { return last_; }  // newest first

 private:
  static constexpr size_t kKeptBytes = 1000;
  std::array<uint64_t, Reason::kCauses> counts_ = {};
  std::deque<Entry> last_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_RESTART_HISTORY_H_
