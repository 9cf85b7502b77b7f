#include "reaper/log_json.h"

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace reinit {
namespace {

// Of one text, as it stands in the line. The message has more than half of it.
constexpr size_t kMaxMessage = 2200;
constexpr size_t kMaxText = 1500;

// How many bytes at the beginning of `text` are one character of UTF-8; 0: they
// are none. Without overlong forms, surrogates and what is above U+10FFFF.
size_t CharacterSize(std::string_view text) {
  const auto byte = [text](size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const auto goes_on = [&byte](size_t at, unsigned low = 0x80,
                               unsigned high = 0xbf) {
    return byte(at) >= low && byte(at) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return goes_on(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return goes_on(1, low, high) && goes_on(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return goes_on(1, low, high) && goes_on(2) && goes_on(3) ? 4 : 0;
  }
  return 0;
}

std::string Hex(std::string_view prefix, char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto value = static_cast<unsigned char>(byte);
  std::string result(prefix);
  result += kHex[value >> 4];
  result += kHex[value & 15];
  return result;
}

// The character, or the stray byte, at the beginning of `text`, as it stands in
// a JSON string; `size` is how much of `text` it was.
std::string NextPiece(std::string_view text, size_t* size) {
  *size = CharacterSize(text);
  if (*size == 0) {
    *size = 1;
    return Hex("\\\\x", text[0]);
  }
  const char c = text[0];
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  if (c == '"') return "\\\"";
  if (c == '\\') return text.substr(1, 1) == "x" ? "\\\\x5c" : "\\\\";
  if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Hex("\\u00", c);
  return std::string(text.substr(0, *size));
}

// `text` as a JSON string with its quotes, at most `limit` bytes between them.
std::string Quoted(std::string_view text, size_t limit, bool* cut) {
  std::string result = "\"";
  while (!text.empty()) {
    size_t size = 0;
    const std::string piece = NextPiece(text, &size);
    if (result.size() + piece.size() > limit + 1) {
      *cut = true;
      break;
    }
    result += piece;
    text.remove_prefix(size);
  }
  return result + '"';
}

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "";
}

// Empty for a field without a value.
std::string FieldText(const LogField& field, bool* cut) {
  if (const auto* number = std::get_if<int64_t>(&field.value)) {
    return absl::StrCat(",\"", field.key, "\":", *number);
  }
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    if (text->empty()) return "";
    return absl::StrCat(",\"", field.key, "\":", Quoted(*text, kMaxText, cut));
  }
  return "";
}

}  // namespace

std::string UtcTime(int64_t unix_milliseconds) {
  namespace chrono = std::chrono;
  const chrono::sys_time<chrono::milliseconds> time{
      chrono::milliseconds(unix_milliseconds)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  const auto two = [](auto number) {
    return absl::Dec(number, absl::kZeroPad2);
  };
  return absl::StrCat(
      absl::Dec(static_cast<int>(date.year()), absl::kZeroPad4), "-",
      two(static_cast<unsigned>(date.month())), "-",
      two(static_cast<unsigned>(date.day())), "T", two(clock.hours().count()),
      ":", two(clock.minutes().count()), ":", two(clock.seconds().count()), ".",
      absl::Dec(clock.subseconds().count(), absl::kZeroPad3), "Z");
}

std::string JsonLogLine(int64_t unix_milliseconds, LogLevel level,
                        std::string_view event, std::string_view message,
                        absl::Span<const LogField> fields, uint64_t lost) {
  bool cut = false;
  std::string line =
      absl::StrCat(R"({"time":")", UtcTime(unix_milliseconds), R"(","level":")",
                   LevelName(level), R"(","event":")", event, R"(","msg":)",
                   Quoted(message, kMaxMessage, &cut));
  if (lost > 0) absl::StrAppend(&line, ",\"lost\":", lost);
  static constexpr std::string_view kCut = ",\"cut\":true";
  static constexpr std::string_view kEnd = "}\n";
  for (const LogField& field : fields) {
    const std::string text = FieldText(field, &cut);
    if (line.size() + text.size() + kCut.size() + kEnd.size() > kMaxJsonLine) {
      cut = true;
      continue;
    }
    line += text;
  }
  if (cut) line += kCut;
  line += kEnd;
  return line;
}

}  // namespace reinit
