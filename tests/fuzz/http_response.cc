// Answers of a server that is asked for its health, or to reload.
#include "supervisor/probe/http_response.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "supervisor/probe/error_body.h"
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

std::string Body(std::string_view bytes, size_t step, bool chunked) {
  ErrorBody body;
  for (size_t at = 0; at < bytes.size(); at += step) {
    if (!body.Feed(bytes.substr(at, step))) break;
  }
  return body.Text(chunked, "X-Token: s3cret\r\n", "/p?t=hidd3n");
}

void CheckBody(std::string_view bytes) {
  for (const bool chunked : {false, true}) {
    const std::string text = Body(bytes, bytes.size() + 1, chunked);
    // Each byte is four at most.
    Require(text.size() <= 4 * ErrorBody::kMaxShown + 3, "it is bounded");
    Require(std::none_of(text.begin(), text.end(),
                         [](char c) { return c >= 0 && c < ' '; }),
            "it is one printable line");
    Require(text.find("s3cret") == std::string::npos, "no secret comes back");
    Require(text.find("hidd3n") == std::string::npos, "nor from the query");
    for (const size_t step : {1, 7}) {
      Require(Body(bytes, step, chunked) == text, "nor for the body");
    }
  }
}

void Check(std::string_view bytes) {
  CheckBody(bytes);
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
