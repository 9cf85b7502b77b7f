// Writes completion for shells from the flag table.
#ifndef REINIT_CMD_REFERENCE_COMPLETION_H_
#define REINIT_CMD_REFERENCE_COMPLETION_H_

#include <string>

namespace reinit {

std::string BashCompletion();  // docs/completion/reinit.bash
std::string ZshCompletion();   // docs/completion/_reinit

}  // namespace reinit

#endif  // REINIT_CMD_REFERENCE_COMPLETION_H_
