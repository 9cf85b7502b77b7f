// Limits how much of a long list is shown.
#ifndef REINIT_SUPERVISOR_CONTROL_LIMITS_H_
#define REINIT_SUPERVISOR_CONTROL_LIMITS_H_

#include <algorithm>
#include <cstddef>

#include "absl/types/span.h"

namespace reinit {

inline constexpr size_t kMaxShownPids = 64;
inline constexpr size_t kMaxFailure = 1600;   // bytes: a server's words, too
inline constexpr size_t kMaxShownItems = 16;  // checks, listeners, parents...

// Of several workers. The numbers of all are shown next to them.
inline constexpr size_t kMaxShownWorkers = 192;
inline constexpr size_t kMaxWorkerText = 100;  // bytes of each of its texts
inline constexpr size_t kMaxWorkerChecks = 4;

template <typename List>
auto Shown(const List& list, size_t max = kMaxShownItems) {
  return absl::MakeConstSpan(list).subspan(0, std::min(max, list.size()));
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_LIMITS_H_
