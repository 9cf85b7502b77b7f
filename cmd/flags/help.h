// Writes what --help and --help=all print.
#ifndef REINIT_CMD_FLAGS_HELP_H_
#define REINIT_CMD_FLAGS_HELP_H_

#include <string>

#include "cmd/flags/settings.h"

namespace reinit {

// For a terminal of 80 columns; the common flags fit 40 lines. Ends with a
// newline.
std::string HelpText(Settings::Help which);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_HELP_H_
