#include "cmd/flags/flag_values.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "cmd/flags/look_in_time.h"
#include "cmd/flags/settings.h"
#include "reaper/value/signals.h"
#include "supervisor/probe/target.h"
#include "supervisor/value/duration_text.h"
#include "supervisor/watch/filter/glob.h"
#include "supervisor/watch/settle.h"

namespace reinit {
namespace {

constexpr int kMaxBurst = 1'000'000;
constexpr std::string_view kAuto = "auto";

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(what);
}

bool ParseDigits(std::string_view text, int* number) {
  // SimpleAtoi alone would also take signs and blanks.
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, number);
}

bool ParseStatusCode(std::string_view text, int* code) {
  return ParseDigits(text, code) && *code >= 100 && *code <= 599;
}

// What is in there is made when it is looked at.
bool IsOfTheKernel(const std::string& path) {
  struct statfs fs;
  return ::statfs(path.c_str(), &fs) == 0 &&
         (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

}  // namespace

absl::Status SetSwitch(std::string_view value, bool* to) {
  const std::string word = absl::AsciiStrToLower(value);
  if (word == "yes" || word == "true" || word == "on" || word == "1") {
    *to = true;
  } else if (word == "no" || word == "false" || word == "off" || word == "0") {
    *to = false;
  } else {
    return Wrong("allowed are yes, no (or true, false, on, off, 1, 0)");
  }
  return absl::OkStatus();
}

absl::Status SetDuration(std::string_view value, DurationRange range,
                         absl::Duration* to) {
  const absl::StatusOr<absl::Duration> duration = ParseDuration(value);
  if (!duration.ok()) return duration.status();
  const bool finite =
      range == DurationRange::kPositive || range == DurationRange::kFinite;
  if (finite && *duration == absl::InfiniteDuration())
    return Wrong("infinity makes no sense here; allowed is a finite duration");
  const bool positive =
      range == DurationRange::kPositive || range == DurationRange::kLimit;
  if (positive && *duration < absl::Milliseconds(1)) {
    return Wrong(finite ? "too short; allowed is 1ms or more"
                        : "too short; allowed is 1ms or more, and infinity "
                          "for no limit");
  }
  *to = *duration;
  return absl::OkStatus();
}

absl::Status SetInteger(std::string_view value, int min, int max, int* to) {
  int number = 0;
  if (!ParseDigits(value, &number) || number < min || number > max) {
    return Wrong(
        absl::StrCat("allowed is a whole number from ", min, " to ", max));
  }
  *to = number;
  return absl::OkStatus();
}

absl::Status SetSignal(std::string_view value, int* to) {
  const absl::StatusOr<int> signal = ParseSignal(value);
  if (signal.ok()) *to = *signal;
  return signal.status();
}

absl::Status SetStatusRanges(std::string_view value,
                             std::vector<std::pair<int, int>>* to) {
  std::vector<std::pair<int, int>> ranges;
  for (const std::string_view piece : absl::StrSplit(value, ',')) {
    const std::pair<std::string_view, std::string_view> ends = absl::StrSplit(
        absl::StripAsciiWhitespace(piece), absl::MaxSplits('-', 1));
    const bool single = !absl::StrContains(piece, '-');
    int first = 0;
    int last = 0;
    if (!ParseStatusCode(ends.first, &first) ||
        !ParseStatusCode(single ? ends.first : ends.second, &last) ||
        first > last) {
      return Wrong(
          "allowed are status codes from 100 to 599 and ranges of them, like "
          "200-399 or 200,204,301-308");
    }
    ranges.emplace_back(first, last);
  }
  *to = std::move(ranges);
  return absl::OkStatus();
}

absl::Status AddExtensions(std::string_view value,
                           std::vector<std::string>* to) {
  std::vector<std::string> extensions;
  for (std::string_view piece : absl::StrSplit(value, ',')) {
    piece = absl::StripAsciiWhitespace(piece);
    absl::ConsumePrefix(&piece, ".");
    // What no extension has, so that no file would ever match.
    if (piece.empty() ||
        piece.find_first_of("/*?[]{}! \t") != std::string_view::npos)
      return Wrong(
          "allowed are file name extensions with commas, like py,html");
    extensions.emplace_back(piece);
  }
  to->insert(to->end(), extensions.begin(), extensions.end());
  return absl::OkStatus();
}

absl::Status AddGlob(std::string_view value, std::vector<std::string>* to) {
  const auto globs = Glob::Compile(value);
  if (!globs.ok()) return globs.status();
  to->emplace_back(value);
  return absl::OkStatus();
}

absl::Status AddExistingPath(std::string_view value,
                             std::vector<std::string>* to) {
  const std::string path(value);
  absl::Status look = LookInTime([&path] {
    struct stat found;
    // Follows symlinks: what a link points at is what is watched.
    if (stat(path.c_str(), &found) == 0) {
      if (!IsOfTheKernel(path)) return absl::OkStatus();
      return Wrong(
          "is the kernel's (/proc, /sys), where a look changes things; allowed "
          "are files and folders of a file system");
    }
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR)
      return Wrong("no such file or directory; a watched path must exist");
    return absl::ErrnoToStatus(error, "cannot be watched");
  });
  if (look.ok() || IsUnseen(look)) to->push_back(path);
  return look;
}

absl::Status AddProbeTarget(std::string_view value,
                            std::vector<ProbeTarget>* to) {
  absl::StatusOr<ProbeTarget> target = ParseProbeTarget(value);
  if (!target.ok()) return target.status();
  to->push_back(*std::move(target));
  return absl::OkStatus();
}

absl::Status SetOnUnhealthy(std::string_view value, OnUnhealthy* to) {
  using What = OnUnhealthy::What;
  std::string_view name = value;
  if (absl::ConsumePrefix(&name, "signal:")) {
    int signal = 0;
    if (absl::Status s = SetSignal(name, &signal); !s.ok()) return s;
    *to = {What::kSignal, signal};
    return absl::OkStatus();
  }
  What what = What::kRestart;
  if (!SetChoice(value,
                 {{"restart", What::kRestart},
                  {"exit", What::kExit},
                  {"none", What::kNone}},
                 &what)
           .ok()) {
    return Wrong("allowed are restart, exit, signal:SIG, none");
  }
  *to = {what, 0};
  return absl::OkStatus();
}

absl::Status SetRestart(std::string_view value, Settings* to) {
  using Policy = RestartOptions::Policy;
  std::string_view count = value;
  if (absl::ConsumePrefix(&count, "on-failure:")) {
    int burst = 0;
    if (!SetInteger(count, 1, kMaxBurst, &burst).ok()) {
      return Wrong(
          absl::StrCat("allowed is on-failure:N with N from 1 to ", kMaxBurst));
    }
    to->options.restart.policy = Policy::kOnFailure;
    to->restart_burst = burst;
    return absl::OkStatus();
  }
  Policy policy = Policy::kNo;
  if (!SetChoice(value,
                 {{"no", Policy::kNo},
                  {"on-failure", Policy::kOnFailure},
                  {"on-abnormal", Policy::kOnAbnormal},
                  {"always", Policy::kAlways}},
                 &policy)
           .ok()) {
    return Wrong(
        "allowed are no, on-failure, on-failure:N, on-abnormal, always");
  }
  to->options.restart.policy = policy;
  to->restart_burst.reset();
  return absl::OkStatus();
}

absl::Status SetSettle(std::string_view value, WatchOptions* to) {
  if (value == kAuto) {
    to->settle = WatchOptions().settle;
    to->settle_adapts = true;
    return absl::OkStatus();
  }
  absl::Duration quiet;
  absl::Status status = SetDuration(value, DurationRange::kFinite, &quiet);
  if (!status.ok()) return status;
  if (quiet > Settle::kMax) {
    return Wrong(absl::StrCat("too long; allowed is at most ",
                              DurationText(Settle::kMax),
                              ", after which a change counts in any case"));
  }
  to->settle = quiet;
  to->settle_adapts = false;
  return absl::OkStatus();
}

absl::Status SetScan(std::string_view value, WatchOptions* to) {
  if (value == kAuto) {
    to->scan = WatchOptions().scan;
    to->scan_adapts = true;
    return absl::OkStatus();
  }
  absl::Status status = SetDuration(value, DurationRange::kFinite, &to->scan);
  if (status.ok()) to->scan_adapts = false;
  return status;
}

absl::Status SetWatchMode(std::string_view value, WatchOptions* to) {
  using Mode = WatchOptions::Mode;
  if (value == "mtime") to->compare = WatchCompare::kStamp;
  if (value == "hash") to->compare = WatchCompare::kHash;
  return SetChoice(value,
                   {{"auto", Mode::kAuto},
                    {"inotify", Mode::kInotify},
                    {"poll", Mode::kPoll},
                    {"mtime", Mode::kPoll},
                    {"hash", Mode::kPoll}},
                   &to->mode);
}

absl::Status SetHelp(std::string_view value, Settings::Help* to) {
  if (value.empty()) {
    *to = Settings::Help::kCommon;
    return absl::OkStatus();
  }
  return SetChoice(value, {{"all", Settings::Help::kAll}}, to);
}

}  // namespace reinit
