// Names signals: one table for parsing, printing and policy.
#ifndef REINIT_REAPER_VALUE_SIGNALS_H_
#define REINIT_REAPER_VALUE_SIGNALS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace reinit {

inline constexpr int kMaxSignal = 64;

// "SIGTERM", "SIGRTMIN+3"; "signal 99" for a number that is none.
std::string SignalName(int signo);

// Accepts `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `RTMAX-1`. The error
// names the text and what is allowed.
absl::StatusOr<int> ParseSignal(std::string_view text);

// Whether a process that has no handler for it is ended by it.
bool EndsByDefault(int signo);

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_SIGNALS_H_
