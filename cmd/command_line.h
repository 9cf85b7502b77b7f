// Turns the command line and the environment into plain values.
#ifndef REINIT_CMD_COMMAND_LINE_H_
#define REINIT_CMD_COMMAND_LINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cmd/ctl_line.h"
#include "cmd/flags/subcommand.h"
#include "cmd/flags/workers_values.h"
#include "reaper/self/cpu_count.h"
#include "supervisor/options.h"

namespace reinit {

struct CommandLine {
  using Action = LineAction;
  Action action = Action::kRun;
  Options options;
  CtlRequest ctl;
  std::string text;
  // One line each, complete and without a prefix; not empty: nothing may be
  // started, exit status 2.
  std::vector<std::string> errors;
  // One line each, not errors: flags without effect because the flag that
  // switches them on is missing, since an image may carry --watch-ext=py and
  // have REINIT_WATCH decide whether anything is watched; and paths on a file
  // system that does not answer. `text` of --check has them too.
  std::vector<std::string> warnings;
  // A path's file system did not answer, as `warnings` tell: a second look
  // might hang.
  bool unanswered = false;
};

// What parsing would otherwise have to ask the system for.
struct CommandLineContext {
  bool on_terminal = false;  // stderr or stdout is one: --dev clears it
  CpuCount (*count_cpus)() = CountCpusInTime;  // for --workers=auto
};

// `args` is argv without argv[0]; `environment` is environ. Touches nothing but
// the paths among the values, and for --workers=auto the cgroup of this
// process, in time (look_in_time.h). Fails by `errors` alone, and finds all of
// them, not only the first.
CommandLine ParseCommandLine(absl::Span<const std::string_view> args,
                             absl::Span<const std::string_view> environment,
                             const CommandLineContext& context = {});

// What the flag variables alone mean, for a command line in another program's
// syntax (cmd/personality). The result has no command.
CommandLine ParseFlagVariables(absl::Span<const std::string_view> environment);

}  // namespace reinit

#endif  // REINIT_CMD_COMMAND_LINE_H_
