// Runs a plain init before the C library starts, and hands over to it.
#ifndef REINIT_REAPER_FIRST_ACT_FIRST_ACT_H_
#define REINIT_REAPER_FIRST_ACT_FIRST_ACT_H_

#include <sys/types.h>

#include <cstdint>

namespace reinit {

// The first act is the ELF entry of the static binary. Most containers need an
// init that starts one command, forwards signals, reaps, and returns the exit
// status. The first act does that with some ten system calls, in a few pages,
// and the C library is never started: its start alone takes longer (it executes
// CPUID 43 times, and each of them leaves a virtual machine).
//
// It acts only on `reinit -- COMMAND...` and `tini -- COMMAND...` (also
// tini-static and docker-init), and only if all of these hold; else it goes to
// _start with nothing changed:
//
//   the environment has no REINIT_, LISTEN_ or WATCHDOG_ variable, and as tini
//   no TINI_ variable
//   descriptors 0 to 2 are open, and none is a terminal
//   SIGCHLD is not ignored
//   as tini, this process is PID 1
//   the command has a slash in its name, or PATH is set
//
// It hands over to _start, with the original stack, as soon as anything else is
// needed. Each row is a test in tests/pid1/first_act_test.py:
//
//   what happens                          | what main() finds
//   --------------------------------------+---------------------------------
//   the command cannot be executed        | nothing: main() tries it again,
//                                         |   and has the words for it
//   a child was stopped (waitid)          | the child; SIGCHLD is pending
//   SIGTSTP, TTIN, TTOU or CONT came      | the child; the signal is pending
//   a signal could not be sent            | the child; the signal is pending
//   the child ended, others live (reinit) | the child's wait status
//
// All signals stay blocked from the first system call on, so that none is lost
// on the way to main().
//
// What the code may use: raw system calls, the stack, and FirstActResult. There
// is no libc, no thread-local storage, no IFUNC, no stack protector and no
// constructor yet. //reaper/first_act:symbols_test shows that the object needs
// no symbol but _start.
//
// Sanitizers and --define first_act=off leave the entry out; then acted is
// false for good.

// Written before main(), read by it. One thread.
struct FirstActResult {
  bool acted = false;        // `child` was started and is not reaped by others
  bool child_ended = false;  // and was reaped: `wait_status` is valid
  int wait_status = 0;
  pid_t child = 0;
  uint64_t blocked = 0;  // the signal mask that this process was started with
};

// What the first act has left to main().
const FirstActResult& FirstAct();

}  // namespace reinit

#endif  // REINIT_REAPER_FIRST_ACT_FIRST_ACT_H_
