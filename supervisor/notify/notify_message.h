// Parses what a service says about itself: the datagram of sd_notify(3).
#ifndef REINIT_SUPERVISOR_NOTIFY_NOTIFY_MESSAGE_H_
#define REINIT_SUPERVISOR_NOTIFY_NOTIFY_MESSAGE_H_

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace reinit {

// What is longer is no message (systemd's limit too).
inline constexpr size_t kMaxNotifyDatagram = 4096;

struct NotifyMessage {
  enum class Watchdog { kNothing, kAlive, kTrigger };

  bool ready = false;
  bool reloading = false;
  bool stopping = false;
  bool restart_reset = false;
  bool barrier = false;
  Watchdog watchdog = Watchdog::kNothing;
  // All of these are positive where they are set.
  std::optional<absl::Duration> monotonic;  // since the clock's beginning
  std::optional<absl::Duration> watchdog_interval;
  std::optional<absl::Duration> extend_timeout;
  std::optional<pid_t> main_pid;
  std::optional<int> error;        // errno
  std::optional<int> exit_status;  // 0 to 255
  std::optional<std::string> status;
};

// Lines of KEY=VALUE, from anybody: what is unknown, or not as it should be, is
// left out, and of two lines with one key the first counts. Nothing at all for
// a datagram that is too long.
NotifyMessage ParseNotifyMessage(std::string_view datagram);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_NOTIFY_MESSAGE_H_
