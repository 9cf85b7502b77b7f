// The terminal that this process may be on.
#ifndef REINIT_REAPER_TERMINAL_H_
#define REINIT_REAPER_TERMINAL_H_

#include <sys/types.h>

namespace reinit {

// Whether one of descriptors 0, 1 and 2 is a terminal.
bool OnTerminal();

// That of descriptors 0, 1 and 2 whose terminal's foreground is our own group;
// -1 if there is none. Only then may the foreground be handed on: tini and
// catatonit take it from an interactive shell that started them in the
// background, and the shell ends.
int ForegroundTerminal();

// Makes `group` the foreground of the terminal on which our own group is it.
// False if it is not, or that cannot be done.
bool HandForegroundOn(pid_t group);

// Makes our own group the foreground again if `ended`, a group whose leader has
// ended, or a group of nobody is it. Whoever runs after us, and a new process,
// could not read from the terminal otherwise.
void TakeForegroundBack(pid_t ended);

// Whether a child that leads a session of its own can have our controlling
// terminal, or there is none at descriptor 0: only a session leader can hand it
// over. Anybody else's child would be left without one.
bool CanHandOverTerminal();

// Gives up the controlling terminal at descriptor 0. Returns 0 or errno. For a
// session leader the kernel then sends SIGHUP and SIGCONT to the foreground
// group, which may be our own.
int GiveUpTerminal();

}  // namespace reinit

#endif  // REINIT_REAPER_TERMINAL_H_
