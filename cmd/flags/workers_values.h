// Parses what --workers has to do with: the number, and texts with {worker}.
#ifndef REINIT_CMD_FLAGS_WORKERS_VALUES_H_
#define REINIT_CMD_FLAGS_WORKERS_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "cmd/flags/settings.h"
#include "reaper/self/cpu_count.h"
#include "supervisor/probe/target.h"

namespace reinit {

// `auto`, or a whole number from 1 to kMaxWorkers.
absl::Status SetWorkers(std::string_view value, Settings* to);

// A check of --health or --ready. With {worker} in it, it is that of worker 1
// if it would be wrong otherwise; CheckWorkerTexts then has the last word.
absl::Status AddCheck(std::string_view value, std::vector<ProbeTarget>* to);

// --chdir: a folder that is there. With {worker} in it, CheckWorkerTexts looks.
absl::Status SetWorkerDirectory(std::string_view value, std::string* to);

// Errors, each with its flag, of the texts with {worker}. Without --workers
// (WorkersOptions::given) the braces are nothing but themselves, and the texts
// are read so. A file system that does not answer is left to `warnings`.
std::vector<std::string> CheckWorkerTexts(Options* options,
                                          std::vector<std::string>* warnings);

// What `auto` stands for. Blocks as LookInTime does.
CpuCount CountCpusInTime();

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_WORKERS_VALUES_H_
