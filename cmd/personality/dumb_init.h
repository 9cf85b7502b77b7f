// Parses the command line of dumb-init 1.2.5.
#ifndef REINIT_CMD_PERSONALITY_DUMB_INIT_H_
#define REINIT_CMD_PERSONALITY_DUMB_INIT_H_

#include "cmd/personality/personality.h"

namespace reinit {

PersonalityLine ParseDumbInit(int argc, char** argv, Options options);

}  // namespace reinit

#endif  // REINIT_CMD_PERSONALITY_DUMB_INIT_H_
