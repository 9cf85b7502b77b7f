// Finds the flags on the command line and in the environment, before any value
// is parsed.
#ifndef REINIT_CMD_FLAGS_GIVEN_H_
#define REINIT_CMD_FLAGS_GIVEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"

namespace reinit {

// Ordered: the later one wins over the earlier.
enum class FlagSource { kPreset, kEnvironment, kCommandLine };

struct GivenFlag {
  const Flag* flag;
  std::string value;
  FlagSource source;
  // As the user wrote it, for messages: `--stop_timeout=abc`, `--no-clear`,
  // `REINIT_WATCH=.`. Escaped and cut to a readable length.
  std::string text;
};

struct Arguments {
  LineAction action = LineAction::kRun;  // the first operand's, if it has one
  std::vector<GivenFlag> flags;
  std::vector<std::string> operands;  // the command, or what follows the word
  std::vector<std::string> errors;    // unknown flags, missing values
};

// Stops at `--` or the first operand: that and the rest are the command's own
// business, unless it is the word of a subcommand, whose row tells what follows
// (subcommand.h). Values are not parsed.
Arguments ScanArguments(absl::Span<const std::string_view> args);

// Whether REINIT_WORKERS in this environment says how many workers an outer
// reinit has, since REINIT_WORKER is there too: then it is no flag of ours.
bool IsInWorker(absl::Span<const std::string_view> environment);

// The flag variables in `environment` (NAME=VALUE, as in environ). An empty one
// counts as not set; of several with one name the first counts, as for getenv.
// A repeatable flag takes one value per line.
std::vector<GivenFlag> ScanEnvironment(
    absl::Span<const std::string_view> environment);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_GIVEN_H_
