#include "cmd/flags/listen_values.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"

namespace reinit {

absl::Status AddListen(std::string_view value, ListenOptions* to) {
  absl::StatusOr<ListenSpec> spec = ParseListenSpec(value);
  if (!spec.ok()) return spec.status();
  to->sockets.push_back(*std::move(spec));
  return absl::OkStatus();
}

absl::Status SetStatusListen(std::string_view value,
                             std::optional<ListenSpec>* to) {
  if (!absl::StartsWith(value, "tcp://") && !absl::StartsWith(value, "unix:")) {
    return absl::InvalidArgumentError(
        "allowed are tcp://ADDRESS:PORT and unix:/PATH, without a name");
  }
  absl::StatusOr<ListenSpec> spec = ParseListenSpec(value);
  if (!spec.ok()) return spec.status();
  if (spec->reuse_port) {
    return absl::InvalidArgumentError("reuseport is for --listen alone");
  }
  *to = *std::move(spec);
  return absl::OkStatus();
}

absl::Status SetListenForms(std::string_view value, ListenOptions* to) {
  auto forms = ParseListenForms(value);
  if (!forms.ok()) return forms.status();
  to->forms = *std::move(forms);
  return absl::OkStatus();
}

}  // namespace reinit
