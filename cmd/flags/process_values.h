// Parses the values that say how the process is started, and what it is told.
// As in flag_values.h, errors say what is wrong and what is allowed.
#ifndef REINIT_CMD_FLAGS_PROCESS_VALUES_H_
#define REINIT_CMD_FLAGS_PROCESS_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "supervisor/options.h"
#include "supervisor/value/exit_codes.h"

namespace reinit {

// `USER[:GROUP]`. With the identity come HOME, and USER and LOGNAME where
// known.
absl::Status SetUser(std::string_view value, ProcessOptions* to);

// A CMD in shell quoting; it is run without a shell.
absl::Status SetCommand(std::string_view value, std::vector<std::string>* to);

// Must be a directory now.
// InvalidArgument if there is no such folder. The file system may hang: call it
// by LookInTime.
absl::Status CheckDirectory(const std::string& path);

absl::Status SetDirectory(std::string_view value, std::string* to);

// `KEY=VALUE`.
absl::Status AddEnvironmentEntry(std::string_view value,
                                 std::vector<std::string>* to);

// Must be readable, and right in every line, now.
absl::Status AddEnvironmentFile(std::string_view value,
                                std::vector<std::string>* to);

absl::Status SetExitCodes(std::string_view value, ExitCodes* to);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_PROCESS_VALUES_H_
