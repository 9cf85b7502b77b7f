// Parses the values of flags about changes, readiness and targets. As in
// flag_values.h, errors say what is wrong and what is allowed.
#ifndef REINIT_CMD_FLAGS_RELOAD_VALUES_H_
#define REINIT_CMD_FLAGS_RELOAD_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "supervisor/options.h"

namespace reinit {

// `exec`, `delay:D`, `notify`, `fd:N`, or a health URL.
absl::Status SetReady(std::string_view value, ReadyOptions* to);

// One form of an action of --on-change. A new one is a row in reload_values.cc.
struct ChangeActionForm {
  std::string_view word;      // all of it, or with `parse` its beginning
  std::string_view synopsis;  // for messages
  ChangeAction::Kind kind;
  // Reads what follows `word`; null: nothing may.
  absl::Status (*parse)(std::string_view rest, ChangeAction* to);
};

// In the order in which they are shown.
absl::Span<const ChangeActionForm> ChangeActionForms();

// Adds an action in one of these forms.
absl::Status AddChangeAction(std::string_view value,
                             std::vector<ChangeAction>* to);

// A name as in /proc/PID/comm.
absl::Status SetTargetName(std::string_view value, std::string* to);

// A glob of * and ? alone.
absl::Status SetTargetCmdline(std::string_view value, std::string* to);

// A signal that does not mean anything to reinit already.
absl::Status SetReloadSignal(std::string_view value, int* to);

// A file, there or not, in a folder that is there.
absl::Status SetPath(std::string_view value, std::string* to);

// `auto`, `off`, or an absolute path that a socket can have.
absl::Status SetControl(std::string_view value, std::string* to);

// Bytes: a whole number, alone or followed by Ki, Mi or Gi. Not 0.
absl::Status SetSize(std::string_view value, int64_t* to);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_RELOAD_VALUES_H_
