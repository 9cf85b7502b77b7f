// Reloads a process when the files that it was made of change.
#ifndef REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// Of a sidecar, whose start may be a change.
struct WatchStart {
  bool counts = false;
  std::string known_file = {};  // see ReloadOptions::on_start_file
};

// What stands in such a file for a digest.
std::string DigestText(uint64_t digest);

// The watch helper looks, compares and waits for quiet; this keeps what it
// reports until it is asked, so that any number of changes while it is not is
// one reload afterwards. `options` is borrowed for the life of the strategy.
// The paths in `also` are watched as well (--env-file).
std::unique_ptr<Strategy> MakeWatchStrategy(const Context& context,
                                            const WatchOptions* options,
                                            absl::Duration reload_delay,
                                            std::vector<std::string> also = {},
                                            WatchStart start = {});

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_WATCH_STRATEGY_H_
