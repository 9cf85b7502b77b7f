// Holds what the setters of the flag table write: the supervisor's options and
// the few things that only the command line itself is interested in.
#ifndef REINIT_CMD_FLAGS_SETTINGS_H_
#define REINIT_CMD_FLAGS_SETTINGS_H_

#include <optional>

#include "supervisor/options.h"

namespace reinit {

struct Settings {
  enum class Help { kNone, kCommon, kAll };

  Options options;
  bool dev = false;
  bool check = false;
  bool version = false;
  Help help = Help::kNone;
  // The N of --restart=on-failure:N. Kept apart from the start limit until all
  // flags are read, so that the order of the flags does not matter.
  std::optional<int> restart_burst;
  // --workers=auto: the CPUs are counted once all flags are read.
  bool workers_auto = false;
};

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_SETTINGS_H_
