#include "supervisor/probe/error_body.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "reaper/log.h"

namespace reinit {
namespace {

// With room for the sizes of small chunks.
constexpr size_t kMaxKept = 4096;

// A shorter word may stand in any text.
constexpr size_t kShortestSecret = 4;

// As much as there is; what is malformed ends it.
std::string WithoutChunks(std::string_view bytes) {
  std::string body;
  for (;;) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return body;
    std::string_view digits = bytes.substr(0, end);
    digits = absl::StripAsciiWhitespace(digits.substr(0, digits.find(';')));
    uint32_t size = 0;
    if (!absl::SimpleHexAtoi(digits, &size) || size == 0) return body;
    bytes.remove_prefix(end + 1);
    body += bytes.substr(0, size);
    if (bytes.size() <= size) return body;
    bytes.remove_prefix(size);
    bytes.remove_prefix(std::min(bytes.find('\n'), bytes.size() - 1) + 1);
  }
}

void Hide(std::string_view secret, std::string* text) {
  if (secret.size() < kShortestSecret) return;
  *text = absl::StrReplaceAll(*text, {{secret, "***"}});
}

void HideHeaders(std::string_view headers, std::string* text) {
  for (const std::string_view line :
       absl::StrSplit(headers, "\r\n", absl::SkipEmpty())) {
    const std::string_view value =
        absl::StripAsciiWhitespace(line.substr(line.find(':') + 1));
    Hide(value, text);
    // The first of several says what the others are: Basic, Bearer.
    const std::vector<std::string_view> words = absl::StrSplit(value, ' ');
    for (size_t i = 1; i < words.size(); ++i) {
      const std::string_view word = words[i];
      Hide(word, text);
      std::string login;
      if (!absl::Base64Unescape(word, &login)) continue;
      Hide(login, text);
      const size_t colon = login.find(':');
      if (colon != std::string::npos) Hide(login.substr(colon + 1), text);
    }
  }
}

// As servers decode a value of a query.
std::string Decoded(std::string_view value) {
  std::string decoded;
  for (size_t i = 0; i < value.size(); ++i) {
    uint32_t byte = 0;
    if (value[i] == '%' && i + 2 < value.size() &&
        absl::SimpleHexAtoi(value.substr(i + 1, 2), &byte)) {
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      decoded.push_back(value[i] == '+' ? ' ' : value[i]);
    }
  }
  return decoded;
}

// Hides what WithoutSecrets (target.h) hides of the query in `path`.
void HideQuery(std::string_view path, std::string* text) {
  const size_t query = path.find('?');
  if (query == std::string_view::npos) return;
  for (const std::string_view part :
       absl::StrSplit(path.substr(query + 1), '&')) {
    const size_t equals = part.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? part : part.substr(equals + 1);
    Hide(value, text);
    Hide(Decoded(value), text);
  }
}

}  // namespace

bool ErrorBody::Feed(std::string_view bytes) {
  bytes_ += bytes.substr(0, kMaxKept - bytes_.size());
  return bytes_.size() < kMaxKept;
}

std::string ErrorBody::Text(bool chunked, std::string_view headers,
                            std::string_view path) const {
  std::string text = chunked ? WithoutChunks(bytes_) : bytes_;
  HideHeaders(headers, &text);
  HideQuery(path, &text);
  absl::RemoveExtraAsciiWhitespace(&text);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return absl::ascii_isspace(c); },
      ' ');
  const std::string_view shown = text;
  return absl::StrCat(EscapeForLog(shown.substr(0, kMaxShown)),
                      shown.size() > kMaxShown ? "..." : "");
}

}  // namespace reinit
