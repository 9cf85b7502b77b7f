// What `--check` says of the files that would be watched.
#ifndef REINIT_SUPERVISOR_WATCH_SUMMARY_H_
#define REINIT_SUPERVISOR_WATCH_SUMMARY_H_

#include <string>
#include <vector>

#include "supervisor/watch/filter.h"

namespace reinit {

// One line for each watched path: how many files in how many folders, and which
// folders hold most of them. Looks at them all, so it takes as long as the file
// system does; not for PID 1.
std::vector<std::string> WatchSummary(const std::vector<std::string>& paths,
                                      const FilterOptions& filter);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_SUMMARY_H_
