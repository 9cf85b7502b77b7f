#include "supervisor/control/control_request.h"

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "reaper/signals.h"

namespace reinit {
namespace {

using What = ControlRequest::What;

struct Word {
  std::string_view text;
  What what;
};
constexpr Word kWords[] = {
    {"status", What::kStatus},     {"status json", What::kStatusJson},
    {"progress", What::kProgress}, {"restart", What::kRestart},
    {"reload", What::kReload},     {"stop", What::kStop},
    {"stop now", What::kStopNow},
};

}  // namespace

ControlRequest ParseControlRequest(std::string_view bytes) {
  for (const Word& word : kWords) {
    if (word.text == bytes) return {word.what, 0};
  }
  if (!absl::ConsumePrefix(&bytes, "signal ")) return {};
  int signal = 0;
  if (!absl::SimpleAtoi(bytes, &signal) || signal < 1 || signal > kMaxSignal) {
    return {What::kNoSuchSignal, 0};
  }
  return {What::kSignal, signal};
}

}  // namespace reinit
