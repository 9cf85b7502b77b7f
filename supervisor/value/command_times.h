// Remembers which of the user's commands ran when.
#ifndef REINIT_SUPERVISOR_VALUE_COMMAND_TIMES_H_
#define REINIT_SUPERVISOR_VALUE_COMMAND_TIMES_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace reinit {

// The last few runs of hooks, of --reload-check and of exec: actions, so that a
// change in what is watched can be put down to the command that wrote it. On
// the loop's thread; all times are the loop's.
class CommandTimes {
 public:
  // Returns the number of the run, for Ended.
  int Began(absl::Time now, std::string command) {
    if (runs_.size() == kMax) runs_.erase(runs_.begin());
    runs_.push_back({++last_, std::move(command), now, absl::InfiniteFuture()});
    return last_;
  }
  void Ended(int number, absl::Time now) {
    for (Run& run : runs_) {
      if (run.number == number) run.end = now;
    }
  }

  // The newest command that ran between these two; "" if there is none.
  std::string During(absl::Time from, absl::Time to) const {
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
      if (run->begin <= to && run->end >= from) return run->command;
    }
    return "";
  }

 private:
  static constexpr size_t kMax = 8;
  struct Run {
    int number;
    std::string command;
    absl::Time begin;
    absl::Time end;
  };
  std::vector<Run> runs_;  // the oldest first
  int last_ = 0;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_COMMAND_TIMES_H_
