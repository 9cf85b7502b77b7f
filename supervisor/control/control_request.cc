#include "supervisor/control/control_request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
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

// `text` is the number in the request: digits alone.
ControlRequest OfWorkers(What what, std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c));
      })) {
    return {};
  }
  ControlRequest request = {what};
  if (!absl::SimpleAtoi(text, &request.workers) || request.workers < 1 ||
      request.workers > ControlRequest::kMaxWorkers) {
    return {What::kNoSuchNumber};
  }
  return request;
}

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
  if (absl::ConsumePrefix(&bytes, "restart ")) {
    const bool wait = absl::ConsumeSuffix(&bytes, " wait");
    return OfWorkers(wait ? What::kRestartWait : What::kRestart, bytes);
  }
  if (absl::ConsumePrefix(&bytes, "scale ")) {
    return OfWorkers(What::kScale, bytes);
  }
  if (absl::ConsumePrefix(&bytes, "progress ")) {
    return OfWorkers(What::kScaleProgress, bytes);
  }
  if (!absl::ConsumePrefix(&bytes, "signal ")) return {};
  int signal = 0;
  if (!absl::SimpleAtoi(bytes, &signal) || signal < 1 || signal > kMaxSignal) {
    return {What::kNoSuchSignal};
  }
  return {What::kSignal, signal};
}

}  // namespace reinit
