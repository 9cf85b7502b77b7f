#include "supervisor/probe/probe_record.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace reinit {

std::optional<ProbeReply> ReadProbeReply(const char* bytes) {
  ProbeReply reply;
  std::memcpy(&reply, bytes, sizeof(reply));
  if (reply.magic != ProbeReply::kMagic ||
      reply.passed > ProbeReply::kUnknown ||
      std::memchr(reply.text, '\0', sizeof(reply.text)) == nullptr) {
    return std::nullopt;
  }
  return reply;
}

std::vector<std::string> ProbeConfig::ToArgs() const {
  std::vector<std::string> args = {
      absl::StrCat("--timeout=", absl::FormatDuration(timeout))};
  for (const auto& [first, last] : expect) {
    args.push_back(absl::StrCat("--expect=", first, "-", last));
  }
  if (requests) args.emplace_back("--requests");
  for (const std::string& header : headers) {
    args.push_back(absl::StrCat("--header=", header));
  }
  for (const std::string& target : targets) {
    args.push_back(absl::StrCat("--target=", target));
  }
  return args;
}

absl::StatusOr<ProbeConfig> ProbeConfig::FromArgs(
    const std::vector<std::string>& args) {
  ProbeConfig config;
  for (const std::string& arg : args) {
    std::string_view value = arg;
    bool good = false;
    if (absl::ConsumePrefix(&value, "--timeout=")) {
      good = absl::ParseDuration(value, &config.timeout);
    } else if (absl::ConsumePrefix(&value, "--expect=")) {
      const std::pair<std::string_view, std::string_view> ends =
          absl::StrSplit(value, absl::MaxSplits('-', 1));
      auto& range = config.expect.emplace_back();
      good = absl::SimpleAtoi(ends.first, &range.first) &&
             absl::SimpleAtoi(ends.second, &range.second);
    } else if (arg == "--requests") {
      config.requests = true;
      good = true;
    } else if (absl::ConsumePrefix(&value, "--header=")) {
      config.headers.emplace_back(value);
      good = true;
    } else if (absl::ConsumePrefix(&value, "--target=")) {
      config.targets.emplace_back(value);
      good = true;
    }
    if (!good) {
      return absl::InvalidArgumentError(absl::StrCat("bad argument ", arg));
    }
  }
  return config;
}

}  // namespace reinit
