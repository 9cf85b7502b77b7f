// Parses what a client of the control socket asks for.
#ifndef REINIT_SUPERVISOR_CONTROL_CONTROL_REQUEST_H_
#define REINIT_SUPERVISOR_CONTROL_CONTROL_REQUEST_H_

#include <cstdint>
#include <string_view>

namespace reinit {

// The words stand in control_commands.h.
struct ControlRequest {
  enum class What {
    kUnknown,
    kStatus,
    kStatusJson,
    kProgress,
    kRestart,
    kRestartWait,
    kReload,
    kReloadWait,
    kOutcome,
    kStop,
    kStopNow,
    kSignal,
    kNoSuchSignal,
  };
  What what = What::kUnknown;
  int signal = 0;       // of kSignal, 1 to kMaxSignal
  uint64_t ticket = 0;  // of kOutcome
};

// Pure; any bytes.
ControlRequest ParseControlRequest(std::string_view bytes);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_CONTROL_REQUEST_H_
