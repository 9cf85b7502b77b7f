// Reads the files that http: actions take their headers from.
#ifndef REINIT_SUPERVISOR_PROBE_REQUEST_HEADERS_H_
#define REINIT_SUPERVISOR_PROBE_REQUEST_HEADERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace reinit {

// `lines`: a header such as "X-Token: abc" each; empty lines and those that
// begin with # are skipped. The error names the line by its number and shows
// nothing of it, since it may hold a secret.
absl::StatusOr<std::vector<std::string>> ParseHeaders(std::string_view lines);

// `login`: USER:PASSWORD, with or without a newline at its end. The header of
// basic authentication. The error shows nothing of it.
absl::StatusOr<std::string> BasicAuthentication(std::string_view login);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_REQUEST_HEADERS_H_
