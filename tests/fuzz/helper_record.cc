// What PID 1 reads from its helpers, and they from it. The first byte says
// which: w, p: a record; W, P: arguments, one a line.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/watch/watch_record.h"
#include "tests/fuzz/require.h"

namespace reinit {
namespace {

// As many bytes as a record has: of another size there is none.
template <typename Record>
std::string Padded(std::string_view bytes) {
  std::string record(bytes.substr(0, sizeof(Record)));
  record.resize(sizeof(Record));
  return record;
}

void CheckWatchRecord(std::string_view bytes) {
  const auto record = ReadWatchRecord(Padded<WatchRecord>(bytes).data());
  if (!record.has_value()) return;
  Require(std::string_view(record->path).size() < sizeof(record->path),
          "the path ends");
}

void CheckProbeReply(std::string_view bytes) {
  const auto reply = ReadProbeReply(Padded<ProbeReply>(bytes).data());
  if (!reply.has_value()) return;
  Require(reply->passed <= ProbeReply::kUnknown, "a result is one of three");
  Require(std::string_view(reply->text).size() < sizeof(reply->text),
          "the text ends");
}

// What was understood can be said again, and is understood the same.
template <typename Config>
void CheckArguments(std::string_view lines) {
  const auto config =
      Config::FromArgs(absl::StrSplit(lines, '\n', absl::SkipEmpty()));
  if (!config.ok()) return;
  const auto again = Config::FromArgs(config->ToArgs());
  Require(again.ok() && again->ToArgs() == config->ToArgs(),
          "arguments come through");
}

void Check(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  switch (bytes[0]) {
    case 'w':
      return CheckWatchRecord(rest);
    case 'p':
      return CheckProbeReply(rest);
    case 'W':
      return CheckArguments<WatchConfig>(rest);
    case 'P':
      return CheckArguments<ProbeConfig>(rest);
    default:
      return;
  }
}

}  // namespace
}  // namespace reinit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reinit::Check(reinit::AsText(data, size));
  return 0;
}
