#include "cmd/flags/workers_values.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/flag_values.h"
#include "cmd/flags/look_in_time.h"
#include "cmd/flags/process_values.h"
#include "reaper/log.h"
#include "supervisor/options.h"
#include "supervisor/workers/worker_options.h"

namespace reinit {
namespace {

// The texts as they are, with the braces.
std::vector<std::string> ReadLiterally(std::string_view flag,
                                       std::vector<ProbeTarget>* checks) {
  std::vector<std::string> errors;
  for (ProbeTarget& check : *checks) {
    if (!NamesWorker(check.text)) continue;
    absl::StatusOr<ProbeTarget> target = ParseProbeTarget(check.text);
    if (target.ok()) {
      check = *std::move(target);
      continue;
    }
    errors.push_back(
        absl::StrCat(flag, EscapeForLog(check.shown), ": ",
                     EscapeForLog(target.status().message()),
                     "; {worker} is a number only with --workers"));
  }
  return errors;
}

// Finds the first folder that is not there.
absl::Status LookAtDirectories(const std::string& directory, int count) {
  return LookInTime([&] {
    for (int worker = 1; worker <= count; ++worker) {
      const std::string own = ForWorker(directory, worker);
      absl::Status look = CheckDirectory(own);
      if (!look.ok()) {
        return absl::Status(look.code(),
                            absl::StrCat(own, ": ", look.message()));
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status SetWorkers(std::string_view value, Settings* to) {
  if (value == "auto") {
    to->workers_auto = true;
    return absl::OkStatus();
  }
  absl::Status status =
      SetInteger(value, 1, kMaxWorkers, &to->options.workers.count);
  if (status.ok()) {
    to->workers_auto = false;
    return status;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "allowed are auto and whole numbers from 1 to ", kMaxWorkers));
}

absl::Status AddCheck(std::string_view value, std::vector<ProbeTarget>* to) {
  absl::Status status = AddProbeTarget(value, to);
  if (status.ok() || !NamesWorker(value)) return status;
  if (!AddProbeTarget(ForWorker(value, 1), to).ok()) return status;
  to->back().text = std::string(value);
  to->back().shown = WithoutSecrets(value);
  return absl::OkStatus();
}

absl::Status SetWorkerDirectory(std::string_view value, std::string* to) {
  if (!NamesWorker(value)) return SetDirectory(value, to);
  *to = std::string(value);
  return absl::OkStatus();
}

std::vector<std::string> CheckWorkerTexts(Options* options,
                                          std::vector<std::string>* warnings) {
  std::vector<std::string> errors;
  const WorkersOptions& workers = options->workers;
  if (workers.given) {
    // What is right for the shortest number and the longest is so for all.
    absl::Status status = CheckWorker(*options, 1);
    if (status.ok()) status = CheckWorker(*options, workers.count);
    if (!status.ok()) errors.push_back(EscapeForLog(status.message()));
  } else {
    errors = ReadLiterally("--health=", &options->health.checks);
    for (std::string& error :
         ReadLiterally("--ready=", &options->ready.check)) {
      errors.push_back(std::move(error));
    }
  }
  const std::string& directory = options->process.as.directory;
  if (!NamesWorker(directory)) return errors;
  const absl::Status look =
      workers.given ? LookAtDirectories(directory, workers.count)
                    : LookInTime([&] { return CheckDirectory(directory); });
  if (look.ok()) return errors;
  std::string line = absl::StrCat("--chdir=", EscapeForLog(directory), ": ",
                                  EscapeForLog(look.message()));
  if (IsUnseen(look)) {
    warnings->push_back(absl::StrCat(line, "; going on with it all the same"));
  } else {
    errors.push_back(std::move(line));
  }
  return errors;
}

CpuCount CountCpusInTime() {
  const absl::StatusOr<std::string> told =
      AskInTime([]() -> absl::StatusOr<std::string> {
        const absl::StatusOr<double> quota = ReadCpuQuota("");
        if (!quota.ok()) return quota.status();
        return absl::StrCat(*quota);
      });
  absl::StatusOr<double> quota = absl::InternalError("no number");
  double number = 0;
  if (!told.ok()) {
    quota = told.status();
  } else if (absl::SimpleAtod(*told, &number)) {
    quota = number;
  }
  CpuCount count = CountCpus(quota, CpusByAffinity());
  if (count.count > kMaxWorkers) {
    count.count = kMaxWorkers;
    absl::StrAppend(&count.reason, ", at most ", kMaxWorkers, " workers");
  }
  return count;
}

}  // namespace reinit
