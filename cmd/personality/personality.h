// Picks the program whose place reinit takes when it is called by that name.
#ifndef REINIT_CMD_PERSONALITY_PERSONALITY_H_
#define REINIT_CMD_PERSONALITY_PERSONALITY_H_

#include <memory>
#include <string>
#include <string_view>

#include "supervisor/observer.h"
#include "supervisor/options.h"

namespace reinit {

// What another program's command line comes to.
struct PersonalityLine {
  enum class Action {
    kRun,    // start options.command
    kPause,  // no command: reap until TERM or INT, exit 0
    kPrint,  // print, and end with exit_code
  };
  Action action = Action::kRun;
  Options options;
  std::unique_ptr<Observer> observer;  // speaks in that program's words
  std::string to_stdout, to_stderr;    // printed in any case, before the start
  int exit_code = 0;                   // of kPrint
};

// Reads argv and that program's variables. `options` is what REINIT_ variables
// have set: `docker run --init` has no other way to pass anything. Wrong input
// is answered as the original answers it; getopt(3) prints part of that itself.
using PersonalityParser = PersonalityLine (*)(int argc, char** argv,
                                              Options options);

// By the last part of `argv0`; null if that is none of theirs. Borrowed facts:
// the behaviour of tini 0.19.0, dumb-init 1.2.5 and catatonit 0.1.7 as
// observed. Their defects (a hang, a lost signal, a crash, a stolen terminal)
// are not among it: the command's own flags are never taken for the program's,
// the signals that a crash raises are passed on too, EPERM is no reason to end.
PersonalityParser FindPersonality(std::string_view argv0);

// A line that only prints.
PersonalityLine PrintAndExit(std::string to_stdout, std::string to_stderr,
                             int exit_code);

// The part of `path` behind the last slash.
std::string_view BaseName(std::string_view path);

}  // namespace reinit

#endif  // REINIT_CMD_PERSONALITY_PERSONALITY_H_
