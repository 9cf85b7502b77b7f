// Keeps the signals that come before there is a process to pass them to.
#ifndef REINIT_SUPERVISOR_RUN_EARLY_SIGNALS_H_
#define REINIT_SUPERVISOR_RUN_EARLY_SIGNALS_H_

#include <utility>
#include <vector>

#include "reaper/os.h"

namespace reinit {

// Keeps them as the kernel would: a standard signal once, a real-time one each
// time and in order, bounded. Owned by ProcessSignals, on its thread.
class EarlySignals {
 public:
  void Add(const SignalInfo& signal);
  bool empty() const { return signals_.empty(); }
  std::vector<SignalInfo> Take() { return std::exchange(signals_, {}); }

  static constexpr size_t kMax = 256;

 private:
  std::vector<SignalInfo> signals_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_EARLY_SIGNALS_H_
