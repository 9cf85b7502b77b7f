// Answers of a server that is asked for its health.
#include "supervisor/probe/http_response.h"

#include <cstdint>

#include "tests/fuzz/require.h"

namespace reinit {
namespace {

using State = HttpResponse::State;

// The same, in pieces of `step` bytes.
HttpResponse Read(std::string_view bytes, size_t step) {
  HttpResponse response;
  for (size_t at = 0; at < bytes.size(); at += step) {
    response.Feed(bytes.substr(at, step));
  }
  response.End();
  return response;
}

void Check(std::string_view bytes) {
  const HttpResponse whole = Read(bytes, bytes.size() + 1);
  Require(whole.state() != State::kMore, "an end is an end");
  Require((whole.state() == State::kBad) == !whole.problem().empty(),
          "what is bad says why");
  Require(whole.state() != State::kDone ||
              (whole.status() >= 100 && whole.status() <= 999),
          "a status has three digits");
  for (const size_t step : {1, 7}) {
    const HttpResponse cut = Read(bytes, step);
    Require(cut.state() == whole.state() && cut.problem() == whole.problem(),
            "how the bytes are cut means nothing");
    Require(cut.state() != State::kDone || cut.status() == whole.status(),
            "nor for the status");
  }
}

}  // namespace
}  // namespace reinit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reinit::Check(reinit::AsText(data, size));
  return 0;
}
