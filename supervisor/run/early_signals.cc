#include "supervisor/run/early_signals.h"

#include <algorithm>

namespace reinit {
namespace {

// The kernel's own limit; SIGRTMIN is 34 since glibc keeps two for itself.
constexpr int kFirstRealTime = 32;

}  // namespace

void EarlySignals::Add(const SignalInfo& signal) {
  const bool there =
      std::any_of(signals_.begin(), signals_.end(),
                  [&](const SignalInfo& s) { return s.signo == signal.signo; });
  if (signal.signo < kFirstRealTime && there) return;
  if (signals_.size() < kMax) signals_.push_back(signal);
}

}  // namespace reinit
