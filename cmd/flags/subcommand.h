// Lists what a command line can ask for instead of running a command.
#ifndef REINIT_CMD_FLAGS_SUBCOMMAND_H_
#define REINIT_CMD_FLAGS_SUBCOMMAND_H_

#include <string_view>

#include "absl/types/span.h"

namespace reinit {

// What one command line asks for. A new subcommand is a value here and a row in
// subcommand.cc; the compiler then names the places that must handle it:
// command_line.cc, main.cc and line_promises.h.
enum class LineAction {
  kRun,          // start options.command
  kCheck,        // --check: print `text`, if all is well, and run nothing
  kPrint,        // --help, --version: print `text`, exit 0
  kProbe,        // reinit probe URL: one check of options.health.checks[0]
  kCtl,          // reinit ctl ...: ask `ctl` of a running reinit
  kListenExec,   // become options.command, with LISTEN_PID
  kSelfInstall,  // reinit self-install DIR: DIR is options.command[0]
};

// A word that counts as a subcommand if it is the first operand.
struct Subcommand {
  enum class After {
    kFlags,     // flags of reinit and operands, mixed
    kOperands,  // operands only; a `--` before them is dropped
    kAnything,  // the subcommand's own syntax
  };
  LineAction action;
  std::string_view word;
  After after;
  std::string_view operands;
  std::string_view help;  // for the manual page and the completions
  // Operands and meaning in the usage of --help=all and of docs/flags.md.
  std::string_view usage_operands;
  std::string_view usage_help;
  std::string_view reference_operands;
  std::string_view reference_help;
};

// In the order in which they are shown.
absl::Span<const Subcommand> Subcommands();

// Null if `word` is none.
const Subcommand* FindSubcommand(std::string_view word);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_SUBCOMMAND_H_
