// Renders a Status for people, programs and Prometheus.
#ifndef REINIT_SUPERVISOR_CONTROL_STATUS_RENDER_H_
#define REINIT_SUPERVISOR_CONTROL_STATUS_RENDER_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "supervisor/status.h"

namespace reinit {

// None of them is longer than this, whatever is in the status: texts are cut,
// of long lists the beginning is shown. All are UTF-8. docs/control.md has the
// keys and names. Two of them fit into kMaxStatusAnswer, one with its first
// line into kMaxControlAnswer.
inline constexpr size_t kMaxRendered = 63 << 10;

// Lines for a terminal.
std::string StatusText(const Status& status);

// One object, without a newline.
std::string StatusJson(const Status& status);

// The Prometheus text format. `now` is the time of day, to which start times
// are counted back.
std::string StatusMetrics(const Status& status, absl::Time now);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_STATUS_RENDER_H_
