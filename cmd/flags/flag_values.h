// Parses the values of flags. Each function reads `value` into its last
// argument, or leaves that alone and returns an error that says what is wrong
// and what is allowed; the caller adds the flag's name and the value.
#ifndef REINIT_CMD_FLAGS_FLAG_VALUES_H_
#define REINIT_CMD_FLAGS_FLAG_VALUES_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cmd/flags/settings.h"
#include "supervisor/probe/target.h"

namespace reinit {

// yes, true, on, 1 and no, false, off, 0.
absl::Status SetSwitch(std::string_view value, bool* to);

enum class DurationRange {
  kPositive,  // at least 1ms, not infinite: how often something is done
  kLimit,     // at least 1ms, infinity for none: after it something has failed
  kFinite,    // 0 is allowed, infinity is not
  kAny,
};
absl::Status SetDuration(std::string_view value, DurationRange range,
                         absl::Duration* to);

// Decimal, without a sign.
absl::Status SetInteger(std::string_view value, int min, int max, int* to);

absl::Status SetSignal(std::string_view value, int* to);

// `200-399,401`: HTTP status codes and ranges of them, 100 to 599.
absl::Status SetStatusRanges(std::string_view value,
                             std::vector<std::pair<int, int>>* to);

// `py,.html`: file name extensions, with or without the dot.
absl::Status AddExtensions(std::string_view value,
                           std::vector<std::string>* to);

// A pattern that Glob::Compile takes.
absl::Status AddGlob(std::string_view value, std::vector<std::string>* to);

// Must exist now: a path that is missing from the start is a typing error, one
// that goes away later is not.
absl::Status AddExistingPath(std::string_view value,
                             std::vector<std::string>* to);

absl::Status AddProbeTarget(std::string_view value,
                            std::vector<ProbeTarget>* to);

// `no`, `always`, `on-failure`, `on-failure:N`, `on-abnormal`.
absl::Status SetRestart(std::string_view value, Settings* to);

// `restart`, `exit`, `signal:SIG`, `none`.
absl::Status SetOnUnhealthy(std::string_view value, OnUnhealthy* to);

// --watch-settle: `auto`, or no longer than what is waited at most.
absl::Status SetSettle(std::string_view value, WatchOptions* to);

// --watch-scan: `auto`, or a finite duration.
absl::Status SetScan(std::string_view value, WatchOptions* to);

// `auto`, `inotify`, `poll`; `mtime` and `hash`, which set the comparison too.
absl::Status SetWatchMode(std::string_view value, WatchOptions* to);

// Nothing, or `all`.
absl::Status SetHelp(std::string_view value, Settings::Help* to);

template <typename T>
absl::Status SetChoice(
    std::string_view value,
    std::initializer_list<std::pair<std::string_view, T>> choices, T* to) {
  std::string allowed;
  for (const auto& [name, choice] : choices) {
    if (value == name) {
      *to = choice;
      return absl::OkStatus();
    }
    absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      choices.size() == 1 ? "allowed is " : "allowed are ", allowed));
}

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_FLAG_VALUES_H_
