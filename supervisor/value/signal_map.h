// Maps each received signal to the signal that is passed on.
#ifndef REINIT_SUPERVISOR_VALUE_SIGNAL_MAP_H_
#define REINIT_SUPERVISOR_VALUE_SIGNAL_MAP_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "reaper/value/signals.h"

namespace reinit {

// Every signal for itself, unless told otherwise.
class SignalMap {
 public:
  // `TERM:QUIT`; `HUP:` drops it. Signals as ParseSignal reads them. The error
  // names what is wrong.
  absl::Status Add(std::string_view rule);

  // `to` 0 drops it.
  void Set(int from, int to) {
    changed_[from] = true;
    to_[from] = static_cast<uint8_t>(to);
  }

  // The signal to send for `signo`; 0: none.
  int Of(int signo) const { return changed_[signo] ? to_[signo] : signo; }
  bool Changes(int signo) const { return changed_[signo]; }

 private:
  std::array<bool, kMaxSignal + 1> changed_ = {};
  std::array<uint8_t, kMaxSignal + 1> to_ = {};
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_SIGNAL_MAP_H_
