#include "supervisor/probe/http_response.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace reinit {
namespace {

constexpr std::string_view kNotHttp = "not an HTTP answer";
constexpr std::string_view kBadHeader = "malformed HTTP header";

// Of a field name (RFC 9110, 5.6.2).
bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
}

}  // namespace

HttpResponse::State HttpResponse::Feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (state_ != State::kMore) break;
    Take(c);
  }
  return state_;
}

HttpResponse::State HttpResponse::End() {
  if (state_ == State::kMore) {
    Fail(taken_ == 0 ? "connection closed without an answer"
                     : "connection closed in the middle of the HTTP header");
  }
  return state_;
}

void HttpResponse::Take(char c) {
  if (++taken_ > kMaxHead) {
    Fail("HTTP header longer than 16 KiB");
  } else if (c == '\n') {  // a bare one ends a line too (RFC 9112, 2.2)
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    EndLine();
    line_.clear();
  } else {
    line_.push_back(c);
    // Do not wait for the end of a line that may never come.
    constexpr std::string_view kPrefix = "HTTP/1.";
    if (!in_fields_ && line_.size() <= kPrefix.size() &&
        c != kPrefix[line_.size() - 1]) {
      Fail(kNotHttp);
    }
  }
}

void HttpResponse::EndLine() {
  if (!in_fields_) {
    ReadStatusLine();
  } else if (line_.empty()) {
    EndHead();
  } else {
    ReadFieldLine();
  }
}

// `HTTP/1.x SP 3DIGIT [SP reason]`; any minor version is understood.
void HttpResponse::ReadStatusLine() {
  const auto digit = [this](size_t i) { return absl::ascii_isdigit(line_[i]); };
  const bool fits = line_.size() >= 12 && digit(7) && line_[8] == ' ' &&
                    digit(9) && digit(10) && digit(11) &&
                    (line_.size() == 12 || line_[12] == ' ');
  const int status =
      fits ? (line_[9] - '0') * 100 + (line_[10] - '0') * 10 + (line_[11] - '0')
           : 0;
  if (status < 100 || absl::StrContains(line_, '\0')) {
    Fail(kNotHttp);
    return;
  }
  status_ = status;
  in_fields_ = true;
  any_field_ = false;
  chunked_ = false;
}

void HttpResponse::ReadFieldLine() {
  if (absl::StrContains(line_, '\0')) {
    Fail(kBadHeader);
  } else if (line_.front() == ' ' || line_.front() == '\t') {
    // A folded line continues the one before: obsolete, but still met.
    if (!any_field_) Fail(kBadHeader);
  } else {
    const size_t colon = line_.find(':');
    const std::string_view name = std::string_view(line_).substr(0, colon);
    if (colon == std::string::npos || name.empty() ||
        !std::all_of(name.begin(), name.end(), IsTokenChar)) {
      Fail(kBadHeader);
    }
    any_field_ = true;
    if (absl::EqualsIgnoreCase(name, "Transfer-Encoding")) {
      chunked_ = absl::StrContains(absl::AsciiStrToLower(line_), "chunked");
    }
  }
}

// 101 is an interim answer by its number only: no other follows.
void HttpResponse::EndHead() {
  if (status_ >= 200 || status_ == 101) {
    state_ = State::kDone;
  } else if (++interim_ > kMaxInterim) {
    Fail("too many interim HTTP answers");
  } else {
    in_fields_ = false;
  }
}

void HttpResponse::Fail(std::string_view problem) {
  state_ = State::kBad;
  problem_ = problem;
}

}  // namespace reinit
