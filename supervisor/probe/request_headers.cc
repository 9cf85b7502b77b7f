#include "supervisor/probe/request_headers.h"

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

// Servers take 8 KiB of a header in all, mostly.
constexpr size_t kMaxHeaders = 8000;

// What reinit itself says about the connection and the body.
constexpr std::string_view kOurs[] = {"Host", "Connection", "Content-Length",
                                      "Transfer-Encoding"};

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(c) && c != '\t';
  });
}

// What is wrong with a line; empty: nothing.
std::string_view Problem(std::string_view line) {
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), IsTokenChar)) {
    return "not of the form NAME: VALUE";
  }
  if (HasControl(line)) return "a control character";
  for (const std::string_view ours : kOurs) {
    if (absl::EqualsIgnoreCase(name, ours)) {
      return "Host, Connection, Content-Length and Transfer-Encoding are for "
             "reinit to say";
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseHeaders(std::string_view lines) {
  std::vector<std::string> headers;
  size_t number = 0;
  size_t size = 0;
  for (const std::string_view raw : absl::StrSplit(lines, '\n')) {
    ++number;
    const std::string_view line = absl::StripAsciiWhitespace(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::string_view problem = Problem(line);
    if (!problem.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("line ", number, ": ", problem));
    }
    size += line.size();
    headers.emplace_back(line);
  }
  if (size > kMaxHeaders) {
    return absl::FailedPreconditionError("more than 8000 bytes of headers");
  }
  return headers;
}

absl::StatusOr<std::string> BasicAuthentication(std::string_view login) {
  absl::ConsumeSuffix(&login, "\n");
  absl::ConsumeSuffix(&login, "\r");
  const size_t colon = login.find(':');
  if (colon == std::string_view::npos || colon == 0 || HasControl(login) ||
      login.size() > kMaxHeaders / 2) {
    return absl::FailedPreconditionError(
        "allowed is one line of the form USER:PASSWORD");
  }
  return absl::StrCat("Authorization: Basic ", absl::Base64Escape(login));
}

}  // namespace reinit
