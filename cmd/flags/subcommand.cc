#include "cmd/flags/subcommand.h"

namespace reinit {
namespace {

using After = Subcommand::After;

// clang-format off
constexpr Subcommand kSubcommands[] = {
    {LineAction::kProbe, "probe", After::kFlags, "URL",
     "one health check: exit status 0 or 1",
     "URL", "one health check: 0 or 1",
     "URL", "one health check, exit 0 or 1"},
    {LineAction::kCtl, "ctl", After::kAnything, "status|restart|reload|stop|signal SIG|scale N|wait",
     "see and steer a running reinit: docs/control.md",
     "WORD", "ask one that runs: ctl --help",
     "WORD", "see and steer a running reinit"},
    {LineAction::kListenExec, "listen-exec", After::kOperands, "-- COMMAND [ARG...]",
     "become COMMAND, with LISTEN_PID set to this process: for wrapper scripts between reinit and a server",
     "-- COMMAND...", "become COMMAND, with LISTEN_PID its own",
     "-- COMMAND [ARG...]", "become COMMAND, with LISTEN_PID"},
    {LineAction::kSelfInstall, "self-install", After::kOperands, "DIR",
     "copy this binary to DIR/reinit: for an initContainer",
     "DIR", "copy this binary to DIR",
     "DIR", "copy this binary to DIR/reinit"},
};
// clang-format on

}  // namespace

absl::Span<const Subcommand> Subcommands() { return kSubcommands; }

const Subcommand* FindSubcommand(std::string_view word) {
  for (const Subcommand& one : kSubcommands) {
    if (one.word == word) return &one;
  }
  return nullptr;
}

}  // namespace reinit
