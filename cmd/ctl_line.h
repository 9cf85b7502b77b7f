// Parses the words after `reinit ctl`.
#ifndef REINIT_CMD_CTL_LINE_H_
#define REINIT_CMD_CTL_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace reinit {

struct CtlRequest {
  std::string path;     // of the control socket
  std::string request;  // as reinit takes it (supervisor/control); not of wait
  bool json = false;
  bool wait = false;
  bool until_ready = false;   // wait
  bool until_done = false;    // restart, reload: the request has a ticket
  bool until_scaled = false;  // scale: ask `progress` afterwards
  std::string progress = "progress";           // what wait and until_scaled ask
  absl::Duration timeout = absl::Seconds(60);  // of whatever waits
};

inline constexpr std::string_view kCtlUsage =
    "reinit ctl status|restart [--worker=N] [--wait]|reload [--wait]|"
    "stop [--now]|signal SIG|scale N [--wait]|wait [--ready] [--timeout=60s] "
    "[--json] [--control=PATH]";

// `words` is what follows the word `ctl`; `control` what --control or its
// variable say. Errors are complete lines, all of them.
CtlRequest ParseCtl(const std::vector<std::string>& words,
                    std::string_view control, std::vector<std::string>* errors);

}  // namespace reinit

#endif  // REINIT_CMD_CTL_LINE_H_
