#include "supervisor/status_server/http_request.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

struct Known {
  std::string_view path;
  HttpRequest::Page page;
};
constexpr Known kPages[] = {
    {"/livez", HttpRequest::Page::kLive},
    {"/readyz", HttpRequest::Page::kReady},
    {"/status", HttpRequest::Page::kStatus},
    {"/metrics", HttpRequest::Page::kMetrics},
};

HttpRequest Refused(int status) {
  HttpRequest request;
  request.error = status;
  return request;
}

std::string_view Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

bool HasWholeHead(std::string_view received) {
  return absl::StrContains(received, "\r\n\r\n") ||
         absl::StrContains(received, "\n\n");
}

HttpRequest ParseHttpRequest(std::string_view received) {
  std::string_view line = received.substr(0, received.find('\n'));
  if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Refused(400);
  const std::string_view method = line.substr(0, first);
  std::string_view path = line.substr(first + 1, last - first - 1);
  if (!absl::StartsWith(line.substr(last + 1), "HTTP/1.")) return Refused(400);
  if (method != "GET" && method != "HEAD") return Refused(405);
  path = path.substr(0, path.find('?'));
  for (const Known& known : kPages) {
    if (known.path != path) continue;
    HttpRequest request;
    request.page = known.page;
    request.head = method == "HEAD";
    return request;
  }
  return Refused(404);
}

std::string HttpAnswer(int status, std::string_view type, std::string_view body,
                       bool head) {
  return absl::StrCat("HTTP/1.1 ", status, " ", Phrase(status),
                      "\r\nContent-Type: ", type,
                      "\r\nContent-Length: ", body.size(),
                      status == 405 ? "\r\nAllow: GET, HEAD" : "",
                      "\r\nCache-Control: no-store"
                      "\r\nConnection: close\r\n\r\n",
                      head ? "" : body);
}

}  // namespace reinit
