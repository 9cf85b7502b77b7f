#include "supervisor/run/last_end.h"

#include <signal.h>

#include "absl/strings/str_cat.h"

namespace reinit {

std::string_view LastEnd::Count(const ExitStatus& status,
                                std::string_view result,
                                std::optional<int64_t> oom_kills) {
  const int64_t kills = oom_kills_.has_value()
                            ? oom_kills.value_or(*oom_kills_) - *oom_kills_
                            : 0;
  const bool itself = status.signal == SIGKILL;
  counted_for_memory_.clear();
  if (kills > 0 && itself) {
    counted_for_memory_ = ", by the kernel: out of memory";
  } else if (kills > 0 && status.signal == 0 && status.code != 0) {
    counted_for_memory_ = absl::StrCat(", after the kernel had killed ", kills,
                                       kills == 1 ? " process" : " processes",
                                       " below it: out of memory");
  }
  ++count_;
  text_ = status.ToString();
  const bool for_memory =
      !counted_for_memory_.empty() && status.ShellCode() == 128 + SIGKILL;
  if (result.empty() && for_memory) return "oom-kill";
  return result;
}

void LastEnd::Stand(const ExitStatus& status) {
  status_ = status;
  for_memory_ = counted_for_memory_;
  survives_ = false;
  text_ = InWords();
}

void LastEnd::Survive() {
  status_ = {.signal = SIGKILL};
  for_memory_.clear();
  survives_ = true;
  text_ = InWords();
}

std::string LastEnd::InWords() const {
  return absl::StrCat(status_.ToString(), for_memory_,
                      survives_ ? ", which it survives" : "",
                      said_.empty() ? "" : ", after it had said: ", said_);
}

}  // namespace reinit
