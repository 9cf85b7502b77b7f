#include "supervisor/watch/watch_record.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace reinit {

std::optional<WatchRecord> ReadWatchRecord(const char* bytes) {
  WatchRecord record;
  std::memcpy(&record, bytes, sizeof(record));
  const auto kind = static_cast<uint32_t>(record.kind);
  if (record.magic != WatchRecord::kMagic ||
      kind < static_cast<uint32_t>(WatchRecord::Kind::kReady) ||
      kind > static_cast<uint32_t>(WatchRecord::kLastKind) ||
      std::memchr(record.path, '\0', sizeof(record.path)) == nullptr) {
    return std::nullopt;
  }
  return record;
}

std::vector<std::string> WatchConfig::ToArgs() const {
  std::vector<std::string> args = {
      absl::StrCat("--delay=", absl::FormatDuration(reload_delay)),
      absl::StrCat("--settle=", absl::FormatDuration(settle)),
      absl::StrCat("--scan=", absl::FormatDuration(scan)),
      absl::StrCat("--compare=", static_cast<int>(compare))};
  if (poll) args.push_back("--poll");
  if (scan_adapts) args.push_back("--scan-adapts");
  if (settle_adapts) args.push_back("--settle-adapts");
  if (digest.has_value()) {
    args.push_back(absl::StrCat("--digest=", absl::Hex(*digest)));
  }
  if (since.has_value()) {
    args.push_back(
        absl::StrCat("--since=", since->tv_sec, ".", since->tv_nsec));
  }
  if (filter.ignore_files) args.push_back("--ignore-files");
  if (!filter.defaults) args.push_back("--no-defaults");
  for (const std::string& extension : filter.extensions) {
    args.push_back(absl::StrCat("--ext=", extension));
  }
  for (const std::string& glob : filter.include) {
    args.push_back(absl::StrCat("--include=", glob));
  }
  for (const std::string& glob : filter.exclude) {
    args.push_back(absl::StrCat("--exclude=", glob));
  }
  for (const std::string& path : paths) {
    args.push_back(absl::StrCat("--path=", path));
  }
  if (!base.empty()) args.push_back(absl::StrCat("--base=", base));
  return args;
}

absl::StatusOr<WatchConfig> WatchConfig::FromArgs(
    const std::vector<std::string>& args) {
  WatchConfig config;
  for (const std::string& arg : args) {
    std::string_view value = arg;
    bool good = true;
    if (absl::ConsumePrefix(&value, "--delay=")) {
      good = absl::ParseDuration(value, &config.reload_delay);
    } else if (absl::ConsumePrefix(&value, "--settle=")) {
      good = absl::ParseDuration(value, &config.settle);
    } else if (absl::ConsumePrefix(&value, "--scan=")) {
      good = absl::ParseDuration(value, &config.scan);
    } else if (absl::ConsumePrefix(&value, "--compare=")) {
      int compare = 0;
      good = absl::SimpleAtoi(value, &compare) && compare >= 0 &&
             compare <= static_cast<int>(WatchCompare::kHash);
      config.compare = static_cast<WatchCompare>(compare);
    } else if (value == "--scan-adapts") {
      config.scan_adapts = true;
    } else if (value == "--settle-adapts") {
      config.settle_adapts = true;
    } else if (value == "--poll") {
      config.poll = true;
    } else if (absl::ConsumePrefix(&value, "--digest=")) {
      good = absl::SimpleHexAtoi(value, &config.digest.emplace());
    } else if (absl::ConsumePrefix(&value, "--since=")) {
      const std::pair<std::string_view, std::string_view> parts =
          absl::StrSplit(value, absl::MaxSplits('.', 1));
      timespec& instant = config.since.emplace();
      good = absl::SimpleAtoi(parts.first, &instant.tv_sec) &&
             absl::SimpleAtoi(parts.second, &instant.tv_nsec);
    } else if (absl::ConsumePrefix(&value, "--ext=")) {
      config.filter.extensions.emplace_back(value);
    } else if (absl::ConsumePrefix(&value, "--include=")) {
      config.filter.include.emplace_back(value);
    } else if (absl::ConsumePrefix(&value, "--exclude=")) {
      config.filter.exclude.emplace_back(value);
    } else if (value == "--ignore-files") {
      config.filter.ignore_files = true;
    } else if (value == "--no-defaults") {
      config.filter.defaults = false;
    } else if (absl::ConsumePrefix(&value, "--path=")) {
      config.paths.emplace_back(value);
    } else if (absl::ConsumePrefix(&value, "--base=")) {
      config.base = std::string(value);
    } else {
      good = false;
    }
    if (!good) {
      return absl::InvalidArgumentError(absl::StrCat("bad argument ", arg));
    }
  }
  return config;
}

}  // namespace reinit
