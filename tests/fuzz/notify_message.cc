// Datagrams of sd_notify(3), from anybody.
#include "supervisor/notify/notify_message.h"

#include <cstdint>

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using reinit::Require;
  const reinit::NotifyMessage message =
      reinit::ParseNotifyMessage(reinit::AsText(data, size));
  const absl::Duration none = absl::ZeroDuration();
  const absl::Duration some = absl::Seconds(1);
  Require(message.main_pid.value_or(2) > 1, "MAINPID is a process's");
  Require(message.monotonic.value_or(some) > none, "MONOTONIC_USEC > 0");
  Require(message.watchdog_interval.value_or(some) > none, "WATCHDOG_USEC > 0");
  Require(message.extend_timeout.value_or(some) > none, "EXTEND_TIMEOUT > 0");
  const int error = message.error.value_or(1);
  Require(error > 0 && error < 4096, "ERRNO is one");
  const int status = message.exit_status.value_or(0);
  Require(status >= 0 && status < 256, "EXIT_STATUS is one");
  Require(message.status.value_or("").find('\n') == std::string::npos,
          "STATUS is one line");
  return 0;
}
