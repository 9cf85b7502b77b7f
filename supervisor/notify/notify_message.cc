#include "supervisor/notify/notify_message.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace reinit {
namespace {

// Digits only: no sign, no blanks.
template <typename T>
void SetNumber(std::string_view value, T min, T max, std::optional<T>* to) {
  T number = 0;
  if (to->has_value() || value.empty() || !absl::ascii_isdigit(value[0]) ||
      !absl::SimpleAtoi(value, &number) || number < min || number > max) {
    return;
  }
  *to = number;
}

void SetMicroseconds(std::string_view value,
                     std::optional<absl::Duration>* to) {
  std::optional<int64_t> number;
  SetNumber<int64_t>(value, 1, INT64_MAX, &number);
  if (!to->has_value() && number.has_value()) {
    *to = absl::Microseconds(*number);
  }
}

void SetWatchdog(std::string_view value, NotifyMessage* to) {
  if (to->watchdog != NotifyMessage::Watchdog::kNothing) return;
  if (value == "1") to->watchdog = NotifyMessage::Watchdog::kAlive;
  if (value == "trigger") to->watchdog = NotifyMessage::Watchdog::kTrigger;
}

void SetField(std::string_view key, std::string_view value, NotifyMessage* to) {
  const bool yes = value == "1";
  if (key == "READY") {
    to->ready = to->ready || yes;
  } else if (key == "RELOADING") {
    to->reloading = to->reloading || yes;
  } else if (key == "STOPPING") {
    to->stopping = to->stopping || yes;
  } else if (key == "RESTART_RESET") {
    to->restart_reset = to->restart_reset || yes;
  } else if (key == "BARRIER") {
    to->barrier = to->barrier || yes;
  } else if (key == "WATCHDOG") {
    SetWatchdog(value, to);
  } else if (key == "MONOTONIC_USEC") {
    SetMicroseconds(value, &to->monotonic);
  } else if (key == "WATCHDOG_USEC") {
    SetMicroseconds(value, &to->watchdog_interval);
  } else if (key == "EXTEND_TIMEOUT_USEC") {
    SetMicroseconds(value, &to->extend_timeout);
  } else if (key == "MAINPID") {
    // 1 is an init, us or another one.
    SetNumber<pid_t>(value, 2, INT32_MAX, &to->main_pid);
  } else if (key == "ERRNO") {
    SetNumber(value, 1, 4095, &to->error);
  } else if (key == "EXIT_STATUS") {
    SetNumber(value, 0, 255, &to->exit_status);
  } else if (key == "STATUS" && !to->status.has_value()) {
    to->status = std::string(value);
  }
}

}  // namespace

NotifyMessage ParseNotifyMessage(std::string_view datagram) {
  NotifyMessage message;
  if (datagram.size() > kMaxNotifyDatagram) return message;
  for (const std::string_view line : absl::StrSplit(datagram, '\n')) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    SetField(line.substr(0, equals), line.substr(equals + 1), &message);
  }
  return message;
}

}  // namespace reinit
