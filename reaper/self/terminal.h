// Handles the terminal that this process may be on.
#ifndef REINIT_REAPER_SELF_TERMINAL_H_
#define REINIT_REAPER_SELF_TERMINAL_H_

#include <sys/types.h>
#include <termios.h>

#include <array>

namespace reinit {

// Whether one of descriptors 0, 1 and 2 is a terminal.
bool OnTerminal();

// The first of descriptors 0, 1 and 2 whose terminal has our group in the
// foreground; -1 if there is none. Only then may the foreground be handed on:
// tini and catatonit take it from an interactive shell that started them in the
// background, and the shell ends.
int ForegroundTerminal();

// Makes `group` the foreground of the terminal on which our own group is it.
// False if it is not, or that cannot be done.
bool HandForegroundOn(pid_t group);

// Makes our own group the foreground again if the foreground is `ended`, a
// group whose leader has ended, or a group without members. Otherwise neither a
// new process nor a program that runs after us could read from the terminal.
void TakeForegroundBack(pid_t ended);

// Whether a child that leads a session of its own can have our controlling
// terminal, or there is none at descriptor 0: only a session leader can hand it
// over. Anybody else's child would be left without one.
bool CanHandOverTerminal();

// Gives up the controlling terminal at descriptor 0. Returns 0 or errno. For a
// session leader the kernel then sends SIGHUP and SIGCONT to the foreground
// group; where that is our own, the two are taken back here. They must be
// blocked.
int GiveUpTerminal();

// Keeps the modes of our terminal (echo, line editing, whether Ctrl-C is a
// signal), since a program that is killed in raw mode leaves them to the next.
// Used on one thread. No call blocks.
class TerminalModes {
 public:
  // Remembers the modes as they are, if our group has the foreground. Else
  // nothing is remembered: in the background they are those of a shell's
  // prompt.
  void Save();

  // Puts back what Save remembered, if our group has the foreground. Where the
  // modes were others, nothing has tidied up: then it also leaves the alternate
  // screen, shows the cursor, and turns off mouse reports, bracketed paste and
  // other keyboard modes, unless the terminal takes no output now. Descriptors
  // 0 to 2 block again if they did.
  void Restore() const;

 private:
  static constexpr int kNothingSaved = -1;

  bool saved_ = false;
  termios modes_ = {};
  // F_GETFL of descriptors 0 to 2 where they are terminals.
  std::array<int, 3> flags_ = {kNothingSaved, kNothingSaved, kNothingSaved};
};

}  // namespace reinit

#endif  // REINIT_REAPER_SELF_TERMINAL_H_
