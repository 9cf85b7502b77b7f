// Makes the options of one worker from those of all.
#ifndef REINIT_SUPERVISOR_WORKERS_WORKER_OPTIONS_H_
#define REINIT_SUPERVISOR_WORKERS_WORKER_OPTIONS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "supervisor/options.h"

namespace reinit {

// Whether {worker} is in the text. ${worker} is a variable of a shell.
bool NamesWorker(std::string_view text);

// `text` with the number in the place of each {worker}.
std::string ForWorker(std::string_view text, int worker);

// An error in words, with the flag before it, if a check of --health or --ready
// makes no sense with this number: a port above 65535, a path that is too long.
absl::Status CheckWorker(const Options& all, int worker);

// The options of the worker with this number, from 1, for which CheckWorker is
// ok: {worker} is the number in the command, --chdir, the values of --env,
// --health and --ready; REINIT_WORKER and REINIT_WORKERS are in its
// environment; it has no terminal. It keeps only the health checks that name
// the worker.
Options OptionsOfWorker(const Options& all, int worker);

// The options of what judges all workers at once: the watch, and the health
// checks that OptionsOfWorker leaves out.
Options OptionsForAll(const Options& all);

// For --workers=1, and an `auto` that came to 1, where one process runs as
// without the flag: {worker}, REINIT_WORKER and REINIT_WORKERS are as above.
// Does nothing if --workers was not given, or there are several.
void FillInOnlyWorker(Options* options);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WORKERS_WORKER_OPTIONS_H_
