// Formats one log line as a JSON object. Pure: values in, text out.
#ifndef REINIT_REAPER_LOG_JSON_H_
#define REINIT_REAPER_LOG_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "reaper/log.h"

namespace reinit {

// No line is longer, its newline included: what a pipe takes whole.
inline constexpr size_t kMaxJsonLine = 4096;

// "2026-11-25T18:20:00.123Z". By our own arithmetic, since the C library's
// would read the time zone files first.
std::string UtcTime(int64_t unix_milliseconds);

// {"time":…,"level":…,"event":…,"msg":…} and `fields` behind it; those without
// a value are left out. Always one line of valid UTF-8, whatever the bytes are:
// one that belongs to no character becomes \xNN (in JSON "\\xNN"), and so that
// this can be undone, the backslash of a \x that was there is \x5c. What is too
// long is cut between characters, or left out, and then there is "cut":true.
// `lost` is how many lines before this one were; 0 is not said.
std::string JsonLogLine(int64_t unix_milliseconds, LogLevel level,
                        std::string_view event, std::string_view message,
                        absl::Span<const LogField> fields, uint64_t lost);

}  // namespace reinit

#endif  // REINIT_REAPER_LOG_JSON_H_
