// Answers of a server that is asked for its health over HTTP/2.
#include "supervisor/probe/grpc_health.h"

#include <cstdint>

#include "tests/fuzz/require.h"

namespace reinit {
namespace {

using State = GrpcHealth::State;

void Check(std::string_view bytes, size_t step) {
  GrpcHealth call("a:1", "service");
  Require(call.state() == State::kMore, "it begins with a question");
  for (size_t at = 0; at < bytes.size(); at += step) {
    const State state = call.Feed(bytes.substr(at, step));
    Require(state == call.state(), "it says where it stands");
    Require(call.outgoing().size() <= 1024 + 2 * GrpcHealth::kMaxReceived,
            "it does not write much more than it was sent");
  }
  Require(
      bytes.size() <= GrpcHealth::kMaxReceived || call.state() != State::kMore,
      "it does not listen for ever");
  call.End();
  Require(call.state() != State::kMore, "an end is an end");
  Require((call.state() == State::kPassed) == (call.text() == "SERVING"),
          "one answer is the good one");
  Require(!call.text().empty() && call.text().size() < 200, "it says why");
  for (const char c : call.text()) {
    Require(static_cast<unsigned char>(c) >= 0x20, "in one line");
  }
}

}  // namespace
}  // namespace reinit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = reinit::AsText(data, size);
  reinit::Check(bytes, size + 1);
  reinit::Check(bytes, 5);
  return 0;
}
