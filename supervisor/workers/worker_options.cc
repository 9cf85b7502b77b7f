#include "supervisor/workers/worker_options.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "supervisor/probe/target.h"

namespace reinit {
namespace {

constexpr std::string_view kPlaceholder = "{worker}";

// Where the next one begins, or npos.
size_t FindPlaceholder(std::string_view text, size_t from) {
  size_t at = text.find(kPlaceholder, from);
  while (at != std::string_view::npos && at > 0 && text[at - 1] == '$') {
    at = text.find(kPlaceholder, at + 1);
  }
  return at;
}

bool IsOfWorker(const ProbeTarget& check) { return NamesWorker(check.text); }

absl::StatusOr<ProbeTarget> CheckOfWorker(const ProbeTarget& check,
                                          int worker) {
  return ParseProbeTarget(ForWorker(check.text, worker));
}

absl::Status CheckAll(std::string_view flag,
                      const std::vector<ProbeTarget>& checks, int worker) {
  for (const ProbeTarget& check : checks) {
    if (!IsOfWorker(check)) continue;
    const absl::StatusOr<ProbeTarget> own = CheckOfWorker(check, worker);
    if (own.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(flag, check.shown, ": for worker ", worker, ": ",
                     own.status().message()));
  }
  return absl::OkStatus();
}

void FillInChecks(int worker, std::vector<ProbeTarget>* checks) {
  for (ProbeTarget& check : *checks) {
    if (!IsOfWorker(check)) continue;
    absl::StatusOr<ProbeTarget> own = CheckOfWorker(check, worker);
    if (own.ok()) check = *std::move(own);
  }
}

void FillIn(int worker, Options* options) {
  for (std::string& word : options->command) word = ForWorker(word, worker);
  ProcessOptions& process = options->process;
  process.as.directory = ForWorker(process.as.directory, worker);
  for (std::string& entry : process.environment) {
    const size_t value = std::min(entry.find('='), entry.size());
    entry = absl::StrCat(entry.substr(0, value),
                         ForWorker(entry.substr(value), worker));
  }
  // Behind what the user gave: of one name the last counts.
  process.environment.push_back(absl::StrCat("REINIT_WORKER=", worker));
  process.environment.push_back(
      absl::StrCat("REINIT_WORKERS=", options->workers.count));
  FillInChecks(worker, &options->health.checks);
  FillInChecks(worker, &options->ready.check);
}

}  // namespace

bool NamesWorker(std::string_view text) {
  return FindPlaceholder(text, 0) != std::string_view::npos;
}

std::string ForWorker(std::string_view text, int worker) {
  std::string result;
  size_t from = 0;
  for (;;) {
    const size_t at = FindPlaceholder(text, from);
    absl::StrAppend(&result, text.substr(from, at - from));
    if (at == std::string_view::npos) return result;
    absl::StrAppend(&result, worker);
    from = at + kPlaceholder.size();
  }
}

absl::Status CheckWorker(const Options& all, int worker) {
  absl::Status health = CheckAll("--health=", all.health.checks, worker);
  return health.ok() ? CheckAll("--ready=", all.ready.check, worker) : health;
}

Options OptionsOfWorker(const Options& all, int worker) {
  Options own = all;
  std::vector<ProbeTarget>& checks = own.health.checks;
  checks.erase(std::remove_if(
                   checks.begin(), checks.end(),
                   [](const ProbeTarget& check) { return !IsOfWorker(check); }),
               checks.end());
  FillIn(worker, &own);
  own.workers.self = worker;
  own.process.background = true;
  return own;
}

Options OptionsForAll(const Options& all) {
  Options options = all;
  std::vector<ProbeTarget>& checks = options.health.checks;
  checks.erase(std::remove_if(checks.begin(), checks.end(), IsOfWorker),
               checks.end());
  // What judges one process is not for all of them.
  options.restart = {};
  options.ready = {};
  options.limits = {};
  return options;
}

void FillInOnlyWorker(Options* options) {
  const WorkersOptions& workers = options->workers;
  if (workers.given && workers.count == 1) FillIn(1, options);
}

}  // namespace reinit
