// Finds the file that a command means, or why it could not be executed.
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
// would fail with. The kernel has the last word: a child executes the file and
// is killed before the first instruction of the program. Where a child may not
// be traced, a file that looks good is good, also one for another machine.
struct ProgramSearch {
  std::string file;  // empty: none
  int error = 0;
};
ProgramSearch FindProgram(std::string_view name,
                          const std::vector<std::string>& environment);

// Whether the kernel takes arguments and an environment of this size (E2BIG
// else), under this process's limit of the stack.
bool FitsExec(const std::vector<std::string>& argv,
              const std::vector<std::string>& environment);

// Why execve of `name` failed with `error`, in words that name the cause: not
// found in PATH, not executable, a directory, the interpreter of its #! line
// or the ELF loader is missing, built for another machine, no #! line, a closed
// folder, a dangling link, noexec, too large a variable. Reads the file; for
// use after a failure only, with the rights and in the folder of the attempt.
std::string ExplainExecFailure(std::string_view name,
                               const std::vector<std::string>& environment,
                               int error);

// What a shell would exit with: 127 if there is no such program, else 126.
int ExecFailureCode(int error);

}  // namespace reinit

#endif  // REINIT_REAPER_PROGRAM_H_
