// Requests on the control socket.
#include "supervisor/control/control_request.h"

#include <cstdint>

#include "reaper/value/signals.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using What = reinit::ControlRequest::What;
  const reinit::ControlRequest request =
      reinit::ParseControlRequest(reinit::AsText(data, size));
  reinit::Require((request.what == What::kSignal) == (request.signal != 0),
                  "a signal has a number, and nothing else");
  reinit::Require(request.signal >= 0 && request.signal <= reinit::kMaxSignal,
                  "the signal exists");
  const bool scales =
      request.what == What::kScale || request.what == What::kScaleProgress;
  const bool restarts =
      request.what == What::kRestart || request.what == What::kRestartWait;
  reinit::Require(!scales || request.workers != 0, "there is a worker");
  reinit::Require(scales || restarts || request.workers == 0,
                  "only these are of workers");
  reinit::Require(request.workers >= 0 &&
                      request.workers <= reinit::ControlRequest::kMaxWorkers,
                  "so many workers can be");
  return 0;
}
