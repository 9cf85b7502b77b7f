// Requests to the status server.
#include "supervisor/status_server/http_request.h"

#include <cstdint>

#include "absl/strings/match.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using reinit::Require;
  const std::string_view bytes = reinit::AsText(data, size);
  const bool whole = reinit::HasWholeHead(bytes);
  Require(!whole || bytes.size() >= 2, "a head ends in an empty line");
  const reinit::HttpRequest request = reinit::ParseHttpRequest(bytes);
  if (request.error == 0) {
    Require(absl::StartsWith(bytes, request.head ? "HEAD /" : "GET /"),
            "only GET and HEAD are answered");
  } else {
    Require(request.error >= 400 && request.error < 500, "it was the client");
  }
  const std::string answer =
      reinit::HttpAnswer(200, "text/plain", bytes, request.head);
  Require(absl::StartsWith(answer, "HTTP/1.1 200 OK\r\n"), "it is an answer");
  Require(request.head ? absl::EndsWith(answer, "\r\n\r\n")
                       : absl::EndsWith(answer, bytes),
          "and ends as it should");
  return 0;
}
