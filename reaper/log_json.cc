#include "reaper/log_json.h"

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "reaper/value/json_text.h"

namespace reinit {
namespace {

// Of one text, as it stands in the line. The message has more than half of it.
constexpr size_t kMaxMessage = 2200;
constexpr size_t kMaxText = 1500;

// `text` as a JSON string with its quotes, at most `limit` bytes between them.
std::string Quoted(std::string_view text, size_t limit, bool* cut) {
  std::string result = "\"";
  while (!text.empty()) {
    size_t size = 0;
    const std::string piece = NextJsonText(text, &size);
    if (result.size() + piece.size() > limit + 1) {
      *cut = true;
      break;
    }
    result += piece;
    text.remove_prefix(size);
  }
  return result + '"';
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
                   ToString(level), R"(","event":")", event, R"(","msg":)",
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
