// Fills a PID namespace with processes for scale.py. Usage:
//   scale_probe crowd COUNT             starts COUNT processes, which wait for
//                                       the end of stdin; then writes a line
//   scale_probe leave COUNT COMMAND...  starts COUNT processes and becomes the
//                                       command; SIGTERM ends the first process
//                                       after 1 ms, the second after 2 ms, ...
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

[[noreturn]] void WaitForEndOfInput() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  ::_exit(0);
}

int Crowd(int count) {
  for (int made = 0; made < count; ++made) {
    const pid_t pid = ::fork();
    if (pid < 0) return 1;
    if (pid == 0) WaitForEndOfInput();
  }
  if (::write(STDOUT_FILENO, "\n", 1) != 1) return 1;
  WaitForEndOfInput();
}

// With SIGTERM in `term` blocked.
[[noreturn]] void EndAfterTerm(const sigset_t& term, int milliseconds) {
  ::sigwaitinfo(&term, nullptr);
  const timespec time = {milliseconds / 1000, milliseconds % 1000 * 1'000'000L};
  ::nanosleep(&time, nullptr);
  ::_exit(0);
}

int Leave(int count, char** command) {
  sigset_t term;
  sigset_t before;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, &before);
  for (int made = 1; made <= count; ++made) {
    const pid_t pid = ::fork();
    if (pid < 0) return 1;
    if (pid == 0) EndAfterTerm(term, made);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::execv(command[0], command);
  std::perror(command[0]);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "crowd" && argc == 3) return Crowd(std::atoi(argv[2]));
  if (what == "leave" && argc >= 4) return Leave(std::atoi(argv[2]), argv + 3);
  return 2;
}
