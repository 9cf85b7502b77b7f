// Writes docs/flags.md from the flag table.
#ifndef REINIT_CMD_REFERENCE_FLAG_REFERENCE_H_
#define REINIT_CMD_REFERENCE_FLAG_REFERENCE_H_

#include <string>

namespace reinit {

// The whole file. Not linked into reinit itself.
std::string FlagReference();

}  // namespace reinit

#endif  // REINIT_CMD_REFERENCE_FLAG_REFERENCE_H_
