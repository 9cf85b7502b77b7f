// Splits a CMD that was given inside a flag.
#ifndef REINIT_SUPERVISOR_VALUE_WORDS_H_
#define REINIT_SUPERVISOR_VALUE_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace reinit {

// POSIX shell quoting ('…', "…", \x) and blanks; no expansion, no operators and
// no shell. An unclosed quote, a trailing backslash or an empty command is an
// error that says which.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view command);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_VALUE_WORDS_H_
