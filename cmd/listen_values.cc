#include "cmd/listen_values.h"

#include <utility>

#include "absl/status/statusor.h"

namespace reinit {

absl::Status AddListen(std::string_view value, ListenOptions* to) {
  absl::StatusOr<ListenSpec> spec = ParseListenSpec(value);
  if (!spec.ok()) return spec.status();
  to->sockets.push_back(*std::move(spec));
  return absl::OkStatus();
}

absl::Status SetListenForms(std::string_view value, ListenOptions* to) {
  auto forms = ParseListenForms(value);
  if (!forms.ok()) return forms.status();
  to->forms = *std::move(forms);
  return absl::OkStatus();
}

}  // namespace reinit
