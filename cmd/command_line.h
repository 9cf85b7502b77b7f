// The command line and the environment, turned into plain values.
#ifndef REINIT_CMD_COMMAND_LINE_H_
#define REINIT_CMD_COMMAND_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cmd/ctl_line.h"
#include "supervisor/options.h"

namespace reinit {

struct CommandLine {
  enum class Action {
    kRun,    // start options.command
    kCheck,  // --check: print `text`, if all is well, and run nothing
    kPrint,  // --help, --version: print `text`, exit 0
    kProbe,  // reinit probe URL: one check of options.health.checks[0]
    // reinit listen-exec -- CMD: become options.command, with LISTEN_PID
    kListenExec,
    kSelfInstall,  // reinit self-install DIR: DIR is options.command[0]
    kCtl,          // reinit ctl ...: ask `ctl` of a running reinit
  };
  Action action = Action::kRun;
  Options options;
  CtlRequest ctl;
  std::string text;
  // One line each, complete and without a prefix; not empty: nothing may be
  // started, exit status 2.
  std::vector<std::string> errors;
  // One line each: flags that have no effect because the flag that switches
  // them on is missing. Not errors, since an image may carry --watch-ext=py and
  // leave it to REINIT_WATCH whether anything is watched at all; and paths that
  // could not be looked at. `text` of --check already has them.
  std::vector<std::string> warnings;
  // A path could not be looked at, as `warnings` tell: a second look might
  // hang.
  bool unanswered = false;
};

// What parsing would otherwise have to ask the system for.
struct CommandLineContext {
  bool on_terminal = false;  // stderr or stdout is one: --dev clears it
};

// `args` is argv without argv[0]; `environment` is environ. Pure but for
// looking at paths among the values, in time (look_in_time.h). Never fails
// otherwise than by `errors`, and finds all of them, not only the first.
CommandLine ParseCommandLine(absl::Span<const std::string_view> args,
                             absl::Span<const std::string_view> environment,
                             const CommandLineContext& context = {});

// What the flag variables alone come to, for a command line that is not
// reinit's own (cmd/personality). Without a command.
CommandLine ParseFlagVariables(absl::Span<const std::string_view> environment);

}  // namespace reinit

#endif  // REINIT_CMD_COMMAND_LINE_H_
