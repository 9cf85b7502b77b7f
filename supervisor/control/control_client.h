// Asks a running reinit over the control socket.
#ifndef REINIT_SUPERVISOR_CONTROL_CONTROL_CLIENT_H_
#define REINIT_SUPERVISOR_CONTROL_CONTROL_CLIENT_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reaper/unique_fd.h"

namespace reinit {

// One connection to a running reinit, for programs that may wait. Errors are in
// words. NotFound: nobody is there. Unavailable: there was somebody, who has
// closed. FailedPrecondition: refused, with reinit's own words.
class ControlClient {
 public:
  static absl::StatusOr<ControlClient> Connect(const std::string& path);

  // The text of the answer. Waits no longer than `timeout`.
  absl::StatusOr<std::string> Ask(std::string_view request,
                                  absl::Duration timeout);

 private:
  explicit ControlClient(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_CONTROL_CLIENT_H_
