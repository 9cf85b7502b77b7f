#include "supervisor/value/duration_text.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace reinit {
namespace {

constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);

// More digits before the point are an overflow in every unit, fewer can never
// overflow int64_t.
constexpr size_t kMaxDigits = 15;
// Digits after the point that count; a tenth of a nanosecond of an hour is
// already beyond what a Duration holds.
constexpr size_t kFractionDigits = 9;

struct Unit {
  std::string_view name;
  absl::Duration length;
};

constexpr Unit kUnits[] = {
    {"h", absl::Hours(1)},
    {"m", absl::Minutes(1)},
    {"s", absl::Seconds(1)},
    {"ms", absl::Milliseconds(1)},
};

absl::Status NotADuration() {
  return absl::InvalidArgumentError(
      "not a duration; write 250ms, 2s, 1m30s, 1h, infinity, or a bare number "
      "of seconds");
}

absl::Status TooLong() {
  return absl::InvalidArgumentError(
      "longer than a hundred years; write infinity if that is meant");
}

std::string_view TakeWhile(std::string_view& rest,
                           bool (*wanted)(unsigned char)) {
  size_t length = 0;
  while (length < rest.size() &&
         wanted(static_cast<unsigned char>(rest[length])))
    ++length;
  const std::string_view taken = rest.substr(0, length);
  rest.remove_prefix(length);
  return taken;
}

int64_t Number(std::string_view digits) {
  int64_t number = 0;
  for (const char digit : digits) number = number * 10 + (digit - '0');
  return number;
}

// `.5` of `unit`, for the digits after the point.
absl::Duration Fraction(std::string_view digits, absl::Duration unit) {
  digits = digits.substr(0, kFractionDigits);
  int64_t scale = 1;
  for (size_t i = 0; i < digits.size(); ++i) scale *= 10;
  return unit * Number(digits) / scale;
}

const Unit* FindUnit(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kUnits), std::end(kUnits),
                   [name](const Unit& unit) { return unit.name == name; });
  return found == std::end(kUnits) ? nullptr : found;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(std::string_view text) {
  if (text == "infinity") return absl::InfiniteDuration();
  if (absl::StartsWith(text, "-"))
    return absl::InvalidArgumentError("a duration cannot be negative");
  if (text.empty()) return NotADuration();

  absl::Duration total = absl::ZeroDuration();
  const Unit* previous = nullptr;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view whole = TakeWhile(rest, absl::ascii_isdigit);
    std::string_view fraction;
    if (absl::ConsumePrefix(&rest, ".")) {
      fraction = TakeWhile(rest, absl::ascii_isdigit);
      if (fraction.empty()) return NotADuration();
    }
    if (whole.empty() && fraction.empty()) return NotADuration();

    const std::string_view name = TakeWhile(rest, absl::ascii_isalpha);
    // A number without a unit is seconds, but only when it is all there is:
    // `1m30` could be meant either way.
    const bool bare = name.empty() && rest.empty() && previous == nullptr;
    const Unit* const unit = FindUnit(bare ? "s" : name);
    if (unit == nullptr) return NotADuration();
    if (previous != nullptr && unit->length >= previous->length)
      return NotADuration();
    previous = unit;

    if (whole.size() > kMaxDigits) return TooLong();
    total += unit->length * Number(whole) + Fraction(fraction, unit->length);
    if (total > kLongest) return TooLong();
  }
  return total;
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "infinity";
  // Abseil would write `250us`, which is no unit of ours.
  if (duration > absl::ZeroDuration() && duration < absl::Milliseconds(1))
    return absl::StrCat(absl::ToDoubleMilliseconds(duration), "ms");
  return absl::FormatDuration(duration);
}

}  // namespace reinit
