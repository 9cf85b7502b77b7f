#include "reaper/self/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <initializer_list>
#include <iterator>
#include <string_view>

namespace reinit {
namespace {

// What full-screen programs and line editors turn on, turned off. The cursor is
// saved first: on the main screen the end of the alternate one then leaves it
// where it is, and so do the margins, and terminals that take an unknown mode
// for "restore the cursor".
constexpr std::string_view kTidy =
    "\0337\033[r\0338"                           // margins
    "\0337\033[=0u"                              // keyboard: kitty's,
    "\033[>4;0m"                                 // and xterm's (else Ctrl-C
                                                 // sends no \x03)
    "\033[?1l\033>"                              // cursor keys, keypad
    "\033[?9l\033[?1000l\033[?1002l\033[?1003l"  // mouse
    "\033[?1004l\033[?1005l\033[?1006l\033[?1015l\033[?1016l"
    "\033[?2004l"    // bracketed paste
    "\033[?7h"       // lines wrap
    "\033[?1049l"    // alternate screen
    "\033(B\033[0m"  // characters, colors
    "\033[?25h";     // cursor

bool Same(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag &&
         a.c_cflag == b.c_cflag && a.c_lflag == b.c_lflag &&
         a.c_line == b.c_line &&
         std::equal(std::begin(a.c_cc), std::end(a.c_cc), std::begin(b.c_cc));
}

// By a description of our own, which may be non-blocking.
void WriteToTerminal(int fd, std::string_view text) {
  char path[32];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  const int own = ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0) return;
  // What it does not take is lost: there is nothing to wait with.
  [[maybe_unused]] const ssize_t written =
      ::write(own, text.data(), text.size());
  ::close(own);
}

}  // namespace

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
  if (::ioctl(STDIN_FILENO, TIOCNOTTY) != 0) return errno;
  sigset_t sent;
  ::sigemptyset(&sent);
  ::sigaddset(&sent, SIGHUP);
  ::sigaddset(&sent, SIGCONT);
  constexpr timespec kNow = {};
  siginfo_t info;
  while (::sigtimedwait(&sent, &info, &kNow) > 0) {
    if (info.si_pid == ::getpid()) continue;
    // Another's came first, and the kernel keeps one of each: it goes on.
    ::raise(info.si_signo);
    ::sigdelset(&sent, info.si_signo);
  }
  return 0;
}

void TerminalModes::Save() {
  const int terminal = ForegroundTerminal();
  saved_ = terminal >= 0 && ::tcgetattr(terminal, &modes_) == 0;
  if (!saved_) return;
  for (int fd = 0; fd <= 2; ++fd) {
    if (::isatty(fd) == 1) flags_[fd] = ::fcntl(fd, F_GETFL);
  }
}

void TerminalModes::Restore() const {
  if (!saved_) return;
  const int terminal = ForegroundTerminal();
  if (terminal < 0) return;
  for (int fd = 0; fd <= 2; ++fd) {
    const int flags = flags_[fd];
    if (flags == kNothingSaved || (flags & O_NONBLOCK) != 0) continue;
    const int now = ::fcntl(fd, F_GETFL);
    if (now >= 0 && (now & O_NONBLOCK) != 0) {
      ::fcntl(fd, F_SETFL, now & ~O_NONBLOCK);
    }
  }
  termios now = {};
  if (::tcgetattr(terminal, &now) != 0 || Same(now, modes_)) return;
  // Any other than TCSANOW waits until the terminal has taken all output.
  ::tcsetattr(terminal, TCSANOW, &modes_);
  WriteToTerminal(terminal, kTidy);
}

}  // namespace reinit
