#include "supervisor/control/control_request.h"

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "reaper/value/signals.h"

namespace reinit {
namespace {

using What = ControlRequest::What;

struct Word {
  std::string_view text;
  What what;
};
constexpr Word kWords[] = {
    {"status", What::kStatus},
    {"status json", What::kStatusJson},
    {"progress", What::kProgress},
    {"restart", What::kRestart},
    {"restart wait", What::kRestartWait},
    {"reload", What::kReload},
    {"reload wait", What::kReloadWait},
    {"stop", What::kStop},
    {"stop now", What::kStopNow},
};

}  // namespace

ControlRequest ParseControlRequest(std::string_view bytes) {
  for (const Word& word : kWords) {
    if (word.text == bytes) return {word.what};
  }
  ControlRequest outcome = {What::kOutcome};
  if (absl::ConsumePrefix(&bytes, "outcome ")) {
    return absl::SimpleAtoi(bytes, &outcome.ticket) ? outcome
                                                    : ControlRequest();
  }
  if (!absl::ConsumePrefix(&bytes, "signal ")) return {};
  int signal = 0;
  if (!absl::SimpleAtoi(bytes, &signal) || signal < 1 || signal > kMaxSignal) {
    return {What::kNoSuchSignal};
  }
  return {What::kSignal, signal};
}

}  // namespace reinit
