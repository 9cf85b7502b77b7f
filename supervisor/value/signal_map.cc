#include "supervisor/value/signal_map.h"

#include <signal.h>

#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"

namespace reinit {

absl::Status SignalMap::Add(std::string_view rule) {
  const size_t colon = rule.find(':');
  if (colon == std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", rule, "': write SIG:SIG, or SIG: to drop it"));
  }
  const absl::StatusOr<int> from = ParseSignal(rule.substr(0, colon));
  if (!from.ok()) return from.status();
  if (*from == SIGKILL || *from == SIGSTOP || *from == SIGCHLD) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", rule, "': ", SignalName(*from),
        *from == SIGCHLD ? " is not passed on" : " cannot be caught"));
  }
  absl::StatusOr<int> to = 0;
  if (colon + 1 < rule.size()) to = ParseSignal(rule.substr(colon + 1));
  if (!to.ok()) return to.status();
  changed_[*from] = true;
  to_[*from] = static_cast<uint8_t>(*to);
  return absl::OkStatus();
}

}  // namespace reinit
