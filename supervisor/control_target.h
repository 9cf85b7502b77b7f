// Defines what can be asked of a running reinit.
#ifndef REINIT_SUPERVISOR_CONTROL_TARGET_H_
#define REINIT_SUPERVISOR_CONTROL_TARGET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "supervisor/status.h"

namespace reinit {

// What `reinit ctl` and the status server talk to. Built by main, used on the
// loop's thread. An error says why a request cannot be met.
class ControlTarget {
 public:
  virtual ~ControlTarget() = default;

  // `worker`: its number, or 0 for all. A caller that waits for the outcome
  // passes a `ticket`.
  virtual absl::Status AskRestart(int worker, uint64_t* ticket) = 0;
  virtual absl::Status AskReload(uint64_t* ticket) = 0;
  // Nothing while it is under way.
  virtual std::optional<absl::Status> Outcome(uint64_t ticket) const = 0;
  virtual void AskStop(bool now) = 0;  // now: KILL at once
  virtual absl::Status AskSignal(int signo) = 0;
  // Changes the number of workers.
  virtual absl::Status AskScale(int workers) = 0;

  // The whole state, for status and metrics.
  virtual Status Describe() const = 0;
  // As people see it: "ready", "reloading", "waiting"...
  virtual std::string StateName() const = 0;
};

// What requests get while reinit ends.
inline absl::Status AboutToEnd() {
  return absl::FailedPreconditionError("reinit is about to end");
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_TARGET_H_
