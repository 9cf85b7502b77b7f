// Parses the command line of tini 0.19.0, under this and its other names.
#ifndef REINIT_CMD_PERSONALITY_TINI_H_
#define REINIT_CMD_PERSONALITY_TINI_H_

#include "cmd/personality/personality.h"

namespace reinit {

PersonalityLine ParseTini(int argc, char** argv, Options options);

}  // namespace reinit

#endif  // REINIT_CMD_PERSONALITY_TINI_H_
