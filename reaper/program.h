// Which file a command means, and why it could not be executed.
#ifndef REINIT_REAPER_PROGRAM_H_
#define REINIT_REAPER_PROGRAM_H_

#include <string>
#include <string_view>
#include <vector>

namespace reinit {

// The files that `name` may mean, in the order of PATH (as it stands in
// `environment`, entries KEY=value); `name` itself if it holds a slash.
std::vector<std::string> ProgramCandidates(
    std::string_view name, const std::vector<std::string>& environment);

// Which file execve of `name` would run in this process, or the errno that it
// would fail with, as far as looking tells: what the kernel executes by a rule
// of its own (binfmt_misc, for other machines) is taken to be good.
struct ProgramSearch {
  std::string file;  // empty: none
  int error = 0;
};
ProgramSearch FindProgram(std::string_view name,
                          const std::vector<std::string>& environment);

// Why execve of `name` failed with `error`, in words that name the cause: not
// found in PATH, not executable, a directory, the interpreter of its #! line
// or the ELF loader is missing, built for another machine, no #! line. Reads
// the file; for use after a failure only.
std::string ExplainExecFailure(std::string_view name,
                               const std::vector<std::string>& environment,
                               int error);

// What a shell would exit with: 127 if there is no such program, else 126.
int ExecFailureCode(int error);

}  // namespace reinit

#endif  // REINIT_REAPER_PROGRAM_H_
