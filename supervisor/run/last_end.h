// Remembers how the last process ended.
#ifndef REINIT_SUPERVISOR_RUN_LAST_END_H_
#define REINIT_SUPERVISOR_RUN_LAST_END_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reaper/value/exit_status.h"

namespace reinit {

// Values alone: the Runner owns it and reports what happens. An exit status
// does not show the kernel's out-of-memory killer, so its count is compared.
class LastEnd {
 public:
  // A process starts; `oom_kills` so far were not of this process.
  void OnStart(std::optional<int64_t> oom_kills) {
    said_.clear();
    oom_kills_ = oom_kills;
  }
  // The old process is current again: counts OOM kills from `oom_kills` on.
  void CountOomKillsFrom(std::optional<int64_t> oom_kills) {
    oom_kills_ = oom_kills;
  }
  // The process has outlived OOM kills up to that count: they are not why it
  // ends.
  void ForgetOomKills(std::optional<int64_t> up_to) {
    if (oom_kills_.has_value() && up_to.has_value()) {
      oom_kills_ = std::max(*oom_kills_, *up_to);
    }
  }
  // The process said ERRNO= or EXIT_STATUS=; `failure` is that in words.
  void OnSaid(std::string failure) { said_ = std::move(failure); }

  // Counts the end of any process. `oom_kills` is the count now, or nothing if
  // it is unknown or counted for another process. `result` is that of
  // Instance::result(); returns it, or "oom-kill". SIGKILL while the count has
  // grown is an OOM kill of the process. With an exit code other than 0 the
  // killed were others, below it; 137 is what a shell makes of such an end.
  std::string_view Count(const ExitStatus& status, std::string_view result,
                         std::optional<int64_t> oom_kills);
  // Makes the end that was counted last the one that is shown. `status` is that
  // of the same process.
  void Stand(const ExitStatus& status);
  // reinit ends without the process, which has not ended on SIGKILL. That is
  // its status() then.
  void Survive();

  const ExitStatus& status() const { return status_; }
  std::string InWords() const;  // of status()
  // The process of status() was killed for lack of memory, or ended after
  // others had been.
  bool ForMemory() const { return !for_memory_.empty(); }
  // The same of the process that was counted last.
  bool CountedForMemory() const { return !counted_for_memory_.empty(); }
  uint64_t count() const { return count_; }
  // Of the process that was counted last, in words; empty: none.
  const std::string& text() const { return text_; }
  const std::string& said() const { return said_; }

 private:
  ExitStatus status_;
  uint64_t count_ = 0;
  std::string text_;
  std::string said_;
  std::optional<int64_t> oom_kills_;
  std::string counted_for_memory_;  // text of the end that was counted last
  std::string for_memory_;          // the same of status_; empty: it was not
  bool survives_ = false;           // the process of status_ has not ended
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_LAST_END_H_
