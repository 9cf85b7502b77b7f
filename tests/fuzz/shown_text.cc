// Names and texts of any bytes on their way into the log and the status.
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "reaper/log.h"
#include "reaper/log_json.h"
#include "supervisor/control/bounded_json.h"
#include "tests/fuzz/require.h"

namespace reinit {
namespace {

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool HasControl(std::string_view text) {
  for (const char c : text) {
    if (IsControl(c)) return true;
  }
  return false;
}

// As RFC 3629 has it.
bool IsUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = [&](size_t n) {
      return at + n < text.size() ? static_cast<uint8_t>(text[at + n]) : 0;
    };
    size_t more = 0;
    uint32_t value = byte(0);
    if (value >= 0x80) {
      if (value < 0xc2 || value > 0xf4) return false;
      more = value < 0xe0 ? 1 : value < 0xf0 ? 2 : 3;
      value &= 0x3fU >> more;
    }
    for (size_t n = 1; n <= more; ++n) {
      if ((byte(n) & 0xc0) != 0x80) return false;
      value = value << 6 | (byte(n) & 0x3f);
    }
    const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (value < least[more] || value > 0x10ffff) return false;
    if (value >= 0xd800 && value <= 0xdfff) return false;
    at += more + 1;
  }
  return true;
}

// A string of JSON: closed by the quote at its end and by none before.
bool IsJsonString(std::string_view text) {
  if (text.size() < 2 || text.front() != '"') return false;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      if (++at >= text.size()) return false;
    } else if (text[at] == '"') {
      return at + 1 == text.size();
    }
  }
  return false;
}

void Check(std::string_view bytes) {
  Require(!HasControl(EscapeForLog(bytes)), "a log line stays one line");
  const std::string line =
      JsonLogLine(0, LogLevel::kInfo, "x", bytes, {{"path", bytes}}, 0);
  Require(line.size() <= kMaxJsonLine, "a JSON line is bounded");
  Require(absl::EndsWith(line, "}\n"), "and whole");
  Require(!HasControl(std::string_view(line).substr(0, line.size() - 1)),
          "and one");
  Require(IsUtf8(line), "and UTF-8");
  BoundedJson json;
  json.Text(bytes);
  Require(IsUtf8(json.text()) && !HasControl(json.text()),
          "a text of the status is UTF-8");
  Require(IsJsonString(json.text()), "and a string");
  Require(json.text().size() <= BoundedJson::kMaxText + 2, "and bounded");
  for (const size_t max : {size_t{0}, size_t{3}, size_t{40}}) {
    const std::string shown = ValidText(bytes, max);
    Require(shown.size() <= max || max < 3, "a text is cut");
    Require(IsUtf8(shown), "between characters");
  }
}

}  // namespace
}  // namespace reinit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reinit::Check(reinit::AsText(data, size));
  return 0;
}
