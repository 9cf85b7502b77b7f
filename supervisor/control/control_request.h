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
    kScale,
    kScaleProgress,
    kNoSuchNumber,  // of a worker, or of workers
  };
  static constexpr int kMaxWorkers = 1024;

  What what = What::kUnknown;
  int signal = 0;       // of kSignal, 1 to kMaxSignal
  uint64_t ticket = 0;  // of kOutcome
  // Of kRestart and kRestartWait: which worker, 0 for all. Of kScale and
  // kScaleProgress: how many, from 1.
  int workers = 0;
};

// Pure; any bytes.
ControlRequest ParseControlRequest(std::string_view bytes);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_CONTROL_REQUEST_H_
