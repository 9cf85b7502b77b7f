// Describes how a process ended.
#ifndef REINIT_REAPER_VALUE_EXIT_STATUS_H_
#define REINIT_REAPER_VALUE_EXIT_STATUS_H_

#include <string>

namespace reinit {

struct ExitStatus {
  int code = 0;    // when it exited by itself: 0..255
  int signal = 0;  // when a signal ended it: its number; else 0
  bool core_dumped = false;

  // From the status word of waitpid(2).
  static ExitStatus FromWait(int status);

  // What a shell and the peers would report: the code, or 128 + signal.
  int ShellCode() const { return signal != 0 ? 128 + signal : code; }
  bool Success() const { return signal == 0 && code == 0; }

  // "exit code 7", "SIGKILL", "SIGSEGV (core dumped)".
  std::string ToString() const;
};

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_EXIT_STATUS_H_
