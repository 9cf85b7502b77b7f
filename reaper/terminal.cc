#include "reaper/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace reinit {

bool OnTerminal() {
  return ::isatty(STDIN_FILENO) == 1 || ::isatty(STDOUT_FILENO) == 1 ||
         ::isatty(STDERR_FILENO) == 1;
}

int ForegroundTerminal() {
  const pid_t own = ::getpgrp();
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::tcgetpgrp(fd) == own) return fd;
  }
  return -1;
}

bool HandForegroundOn(pid_t group) {
  const int fd = ForegroundTerminal();
  return fd >= 0 && ::tcsetpgrp(fd, group) == 0;
}

void TakeForegroundBack(pid_t ended) {
  const pid_t own = ::getpgrp();
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const pid_t group = ::tcgetpgrp(fd);
    if (group <= 0) continue;
    // PID 1's own group cannot be asked about (-1 means everybody), nor ended.
    const bool nobody = group > 1 && ::kill(-group, 0) != 0 && errno == ESRCH;
    // From the background this is allowed, since we block SIGTTOU.
    if (group != own && (group == ended || nobody)) ::tcsetpgrp(fd, own);
    return;
  }
}

bool CanHandOverTerminal() {
  const pid_t session = ::getsid(0);
  return session == ::getpid() || ::tcgetsid(STDIN_FILENO) != session;
}

int GiveUpTerminal() {
  return ::ioctl(STDIN_FILENO, TIOCNOTTY) == 0 ? 0 : errno;
}

}  // namespace reinit
