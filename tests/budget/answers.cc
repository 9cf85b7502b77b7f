// Prints the pid of its parent, then a line for each SIGUSR1. Ends with 0 at
// SIGTERM.
#include <signal.h>
#include <unistd.h>

#include <string>

int main() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::string line = std::to_string(getppid()) + "\n";
  int signo = SIGUSR1;
  while (signo == SIGUSR1) {
    if (write(1, line.data(), line.size()) < 0) return 1;
    line = "\n";
    sigwait(&signals, &signo);
  }
  return 0;
}
