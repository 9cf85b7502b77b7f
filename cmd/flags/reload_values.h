// The kinds of value that say what a change leads to, and when the process
// serves. As in flag_values.h: errors say what is wrong and what is allowed.
#ifndef REINIT_CMD_RELOAD_VALUES_H_
#define REINIT_CMD_RELOAD_VALUES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "supervisor/options.h"

namespace reinit {

// `exec`, `delay:D`, `notify`, `fd:N`, or a health URL.
absl::Status SetReady(std::string_view value, ReadyOptions* to);

// `restart`, `signal:SIG`, `http:METHOD URL`, `exec:CMD`, `exit`, `exit:CODE`,
// `none`.
absl::Status AddChangeAction(std::string_view value,
                             std::vector<ChangeAction>* to);

// A name as in /proc/PID/comm.
absl::Status SetTargetName(std::string_view value, std::string* to);

// A glob of * and ? alone.
absl::Status SetTargetCmdline(std::string_view value, std::string* to);

// One that may mean something else than to end.
absl::Status SetReloadSignal(std::string_view value, int* to);

// A file, there or not, in a folder that is there.
absl::Status SetPath(std::string_view value, std::string* to);

// `auto`, `off`, or an absolute path that a socket can have.
absl::Status SetControl(std::string_view value, std::string* to);

// Bytes: a whole number, or one with Ki, Mi or Gi behind it. Not 0.
absl::Status SetSize(std::string_view value, int64_t* to);

}  // namespace reinit

#endif  // REINIT_CMD_RELOAD_VALUES_H_
