// Which flags were given, where, and with which text: the command line and the
// environment before any value is looked at.
#ifndef REINIT_CMD_GIVEN_H_
#define REINIT_CMD_GIVEN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cmd/flag_table.h"

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
  bool probe = false;         // the first operand was the word `probe`
  bool listen_exec = false;   // or the word `listen-exec`
  bool self_install = false;  // or the word `self-install`
  bool ctl = false;           // or the word `ctl`
  std::vector<GivenFlag> flags;
  std::vector<std::string> operands;  // the command, or what follows the word
  std::vector<std::string> errors;    // unknown flags, missing values
};

// Stops at `--` or the first operand, which and what follows it are the
// command's own business. After the word `probe` flags may still follow; after
// `listen-exec` and `self-install` only operands, with or without `--`; what
// follows `ctl` is its own business (ctl_line.h). Values are not looked at.
Arguments ScanArguments(absl::Span<const std::string_view> args);

// The flag variables in `environment` (NAME=VALUE, as in environ). An empty one
// counts as not set; of several with one name the first counts, as for getenv.
// A repeatable flag takes one value per line.
std::vector<GivenFlag> ScanEnvironment(
    absl::Span<const std::string_view> environment);

}  // namespace reinit

#endif  // REINIT_CMD_GIVEN_H_
