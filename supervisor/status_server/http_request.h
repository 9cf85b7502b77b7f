// Parses the little of HTTP that the status server speaks.
#ifndef REINIT_SUPERVISOR_STATUS_SERVER_HTTP_REQUEST_H_
#define REINIT_SUPERVISOR_STATUS_SERVER_HTTP_REQUEST_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace reinit {

// A request that is longer has too much in it.
inline constexpr size_t kMaxRequestHead = 8 << 10;

struct HttpRequest {
  enum class Page { kLive, kReady, kStatus, kMetrics };
  int error = 0;  // of no use: the HTTP status that says why
  Page page = Page::kLive;
  bool head = false;  // without a body
};

// Whether what was received so far has the empty line that ends a head. A body
// is never waited for.
bool HasWholeHead(std::string_view received);

// Pure; any bytes. Header fields are not looked at.
HttpRequest ParseHttpRequest(std::string_view received);

// The answer with its head; the connection is closed after it.
std::string HttpAnswer(int status, std::string_view type, std::string_view body,
                       bool head);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STATUS_SERVER_HTTP_REQUEST_H_
