// Parses the values that say which sockets reinit holds. As in flag_values.h,
// errors say what is wrong and what is allowed.
#ifndef REINIT_CMD_FLAGS_LISTEN_VALUES_H_
#define REINIT_CMD_FLAGS_LISTEN_VALUES_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "supervisor/socket/listen_spec.h"

namespace reinit {

// `[NAME=]ADDR`; see ParseListenSpec.
absl::Status AddListen(std::string_view value, ListenOptions* to);

// `tcp://...` or `unix:/...` of a socket that reinit itself serves.
absl::Status SetStatusListen(std::string_view value,
                             std::optional<ListenSpec>* to);

// `systemd,nginx`, `all`.
absl::Status SetListenForms(std::string_view value, ListenOptions* to);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_LISTEN_VALUES_H_
