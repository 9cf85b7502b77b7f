// Parses the command line of catatonit 0.1.7, the init of Podman.
#ifndef REINIT_CMD_PERSONALITY_CATATONIT_H_
#define REINIT_CMD_PERSONALITY_CATATONIT_H_

#include "cmd/personality/personality.h"

namespace reinit {

PersonalityLine ParseCatatonit(int argc, char** argv, Options options);

}  // namespace reinit

#endif  // REINIT_CMD_PERSONALITY_CATATONIT_H_
