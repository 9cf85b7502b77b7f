// Parses and prints durations as users write them.
#ifndef REINIT_SUPERVISOR_VALUE_DURATION_TEXT_H_
#define REINIT_SUPERVISOR_VALUE_DURATION_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace reinit {

// `250ms`, `1.5s`, `5m`, `1h`, `1m30s` (larger unit first), `infinity`; a bare
// number is seconds. Refuses negative ones, junk, and what is longer than a
// hundred years without being `infinity`; the error says what is allowed but
// does not repeat the text.
//
// Not absl::ParseDuration: that one knows no bare numbers, accepts signs and
// nanoseconds, and turns an overflow into infinity without a word.
absl::StatusOr<absl::Duration> ParseDuration(std::string_view text);

// A short text that ParseDuration reads back: `5m`, not `5m0s`.
std::string DurationText(absl::Duration duration);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_DURATION_TEXT_H_
