// Summarizes the files that would be watched, for `--check`.
#ifndef REINIT_SUPERVISOR_WATCH_TREE_SUMMARY_H_
#define REINIT_SUPERVISOR_WATCH_TREE_SUMMARY_H_

#include <string>
#include <vector>

#include "supervisor/watch/filter/filter.h"

namespace reinit {

// One line for each watched path: how many files in how many folders, and which
// folders hold most of them. Looks at them all, so it takes as long as the file
// system does; not for PID 1.
std::vector<std::string> WatchSummary(const std::vector<std::string>& paths,
                                      const FilterOptions& filter);

// For each path whether its file system has fine stamps (stamp_clock.h), which
// decides how short a settle time may be.
std::vector<std::string> StampSummary(const std::vector<std::string>& paths);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_TREE_SUMMARY_H_
