// Finds the shortest part of a failing schedule that still fails.
#ifndef REINIT_SUPERVISOR_SCENARIO_SHORTEST_H_
#define REINIT_SUPERVISOR_SCENARIO_SHORTEST_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <vector>

namespace reinit {

// `steps` without all those that the failure does not need: leaving out any one
// more makes it pass. `fails` says whether a schedule fails; it is true for
// `steps`, and for the result. Leaves out halves first, then ever smaller
// parts, so it asks some hundred times for a few hundred steps.
template <typename Step>
std::vector<Step> Shortest(
    std::vector<Step> steps,
    const std::function<bool(const std::vector<Step>&)>& fails) {
  size_t size = std::max<size_t>(steps.size() / 2, 1);
  while (!steps.empty()) {
    bool shorter = false;
    for (size_t at = 0; at < steps.size();) {
      std::vector<Step> rest(steps.begin(),
                             steps.begin() + static_cast<ptrdiff_t>(at));
      const size_t after = std::min(at + size, steps.size());
      rest.insert(rest.end(), steps.begin() + static_cast<ptrdiff_t>(after),
                  steps.end());
      if (fails(rest)) {
        steps = rest;
        shorter = true;
      } else {
        at += size;
      }
    }
    if (size == 1 && !shorter) break;
    size = std::max<size_t>(size / 2, 1);
  }
  return steps;
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SCENARIO_SHORTEST_H_
