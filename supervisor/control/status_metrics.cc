#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "supervisor/control/bounded_json.h"
#include "supervisor/control/limits.h"
#include "supervisor/control/status_render.h"

namespace reinit {
namespace {

// One metric: its head, then its samples.
class Metric {
 public:
  Metric(std::string_view name, std::string_view type, std::string_view help,
         std::string* out)
      : name_(name), out_(out) {
    absl::StrAppend(out, "# HELP ", name, " ", help, "\n# TYPE ", name, " ",
                    type, "\n");
  }
  void Sample(std::string_view value) {
    absl::StrAppend(out_, name_, " ", value, "\n");
  }
  void Sample(uint64_t value) { Sample(absl::StrCat(value)); }
  void Sample(std::string_view label, std::string_view label_value,
              uint64_t value) {
    const std::string text =
        absl::StrReplaceAll(ValidText(label_value, BoundedJson::kMaxText),
                            {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
    absl::StrAppend(out_, name_, "{", label, "=\"", text, "\"} ", value, "\n");
  }
  void Sample(const Status::Worker& worker, std::string_view value) {
    absl::StrAppend(out_, name_, "{worker=\"", worker.number, "\"} ", value,
                    "\n");
  }
  void Sample(const Status::Worker& worker, uint64_t value) {
    Sample(worker, absl::StrCat(value));
  }

 private:
  const std::string_view name_;
  std::string* const out_;
};

void AddRestarts(const Status& status, std::string* out) {
  Metric restarts("reinit_restarts_total", "counter",
                  "Starts of the process in place of another one, by cause.",
                  out);
  for (const auto& [cause, count] : status.restarts) {
    restarts.Sample("cause", absl::StrReplaceAll(cause, {{" ", "_"}}), count);
  }
  Metric("reinit_process_exits_total", "counter", "Ends of the process.", out)
      .Sample(status.exits);
  Metric("reinit_oom_kills_total", "counter",
         "Processes that the kernel killed for lack of memory.", out)
      .Sample(status.oom_kills);
  Metric changes("reinit_changes_total", "counter",
                 "Attempts to apply a change, by result.", out);
  changes.Sample("result", "applied", status.changes_applied);
  changes.Sample("result", "failed", status.changes_failed);
}

// Neither is there before the first reload: a 0 would look like a failed one.
void AddReload(const Status& status, std::string* out) {
  if (!status.reload_succeeded.has_value()) return;
  Metric("reinit_last_reload_successful", "gauge",
         "Whether the last reload, or restart that was asked for, succeeded.",
         out)
      .Sample(*status.reload_succeeded ? 1U : 0U);
  if (!status.reload_success_time.has_value()) return;
  Metric("reinit_last_reload_success_timestamp_seconds", "gauge",
         "When a reload last succeeded, in Unix time.", out)
      .Sample(SecondsText(*status.reload_success_time - absl::UnixEpoch()));
}

// A label may stand there only once.
void AddHealth(const Status& status, std::string* out) {
  if (status.checks.empty()) return;
  Metric passing("reinit_health_check_passing", "gauge",
                 "1 if the last result of the check was good.", out);
  const auto first = [&](size_t index) {
    for (size_t i = 0; i < index; ++i) {
      if (ValidText(status.checks[i].check, BoundedJson::kMaxText) ==
          ValidText(status.checks[index].check, BoundedJson::kMaxText)) {
        return false;
      }
    }
    return true;
  };
  const size_t count = Shown(status.checks).size();
  for (size_t i = 0; i < count; ++i) {
    const CheckStatus& check = status.checks[i];
    if (!first(i)) continue;
    passing.Sample("check", check.check,
                   check.state == CheckStatus::State::kPassing ? 1 : 0);
  }
}

void AddTimes(const Status& status, absl::Time now, std::string* out) {
  const auto seconds = [now](absl::Duration ago) {
    return SecondsText(now - ago - absl::UnixEpoch());
  };
  Metric("reinit_start_time_seconds", "gauge",
         "When reinit started, in Unix time.", out)
      .Sample(seconds(status.uptime));
  if (!status.process.has_value()) return;
  Metric("reinit_process_start_time_seconds", "gauge",
         "When the process started, in Unix time.", out)
      .Sample(seconds(status.process->uptime));
}

template <typename Holds>
uint64_t CountWorkers(const Status& status, const Holds& holds) {
  return static_cast<uint64_t>(
      std::count_if(status.workers.begin(), status.workers.end(), holds));
}

bool Runs(const Status::Worker& worker) { return worker.process.has_value(); }
bool IsReady(const Status::Worker& worker) { return worker.serves; }
bool IsOutdated(const Status::Worker& worker) { return worker.outdated; }

// With several workers they are the processes.
bool AnyRuns(const Status& status) {
  return status.process.has_value() || CountWorkers(status, Runs) != 0;
}

size_t CountProcesses(const Status& status) {
  if (status.workers.empty()) {
    return status.process.has_value() ? status.process->pids.size() : 0;
  }
  size_t processes = 0;
  for (const Status::Worker& worker : status.workers) {
    if (Runs(worker)) processes += worker.process->pids.size();
  }
  return processes;
}

// One sample for each worker that is shown. All samples of a metric follow each
// other, as the format demands.
void AddEachWorker(const Status& status, absl::Time now, std::string* out) {
  const auto workers = Shown(status.workers, kMaxShownWorkers);
  Metric up("reinit_worker_up", "gauge", "1 while the worker has a process.",
            out);
  for (const Status::Worker& worker : workers) {
    up.Sample(worker, Runs(worker) ? 1U : 0U);
  }
  Metric ready("reinit_worker_ready", "gauge", "1 while the worker is ready.",
               out);
  for (const Status::Worker& worker : workers) {
    ready.Sample(worker, IsReady(worker) ? 1U : 0U);
  }
  Metric restarts("reinit_worker_restarts_total", "counter",
                  "Starts of the worker's process in place of another one.",
                  out);
  for (const Status::Worker& worker : workers) {
    uint64_t total = 0;
    for (const auto& [cause, count] : worker.restarts) total += count;
    restarts.Sample(worker, total);
  }
  if (std::none_of(workers.begin(), workers.end(), Runs)) return;
  Metric start("reinit_worker_start_time_seconds", "gauge",
               "When the worker's process started, in Unix time.", out);
  for (const Status::Worker& worker : workers) {
    if (!Runs(worker)) continue;
    start.Sample(worker,
                 SecondsText(now - worker.process->uptime - absl::UnixEpoch()));
  }
}

void AddWorkers(const Status& status, absl::Time now, std::string* out) {
  if (status.workers.empty()) return;
  Metric("reinit_workers", "gauge", "Number of workers.", out)
      .Sample(static_cast<uint64_t>(status.workers.size()));
  Metric("reinit_workers_up", "gauge", "Workers that have a process.", out)
      .Sample(CountWorkers(status, Runs));
  Metric("reinit_workers_ready", "gauge", "Workers that are ready.", out)
      .Sample(CountWorkers(status, IsReady));
  Metric("reinit_workers_outdated", "gauge",
         "Workers that a change has not replaced yet.", out)
      .Sample(CountWorkers(status, IsOutdated));
  AddEachWorker(status, now, out);
}

}  // namespace

std::string StatusMetrics(const Status& status, absl::Time now) {
  std::string out;
  Metric("reinit_ready", "gauge", "1 while the process is ready.", &out)
      .Sample(status.serves ? 1U : 0U);
  Metric("reinit_process_running", "gauge", "1 while there is a process.", &out)
      .Sample(AnyRuns(status) ? 1U : 0U);
  Metric("reinit_processes", "gauge",
         "Live processes of the supervised command.", &out)
      .Sample(CountProcesses(status));
  Metric("reinit_generation", "gauge",
         "Which start of the process this is; 1 is the first.", &out)
      .Sample(static_cast<uint64_t>(status.generation));
  AddRestarts(status, &out);
  Metric("reinit_change_pending", "gauge",
         "1 while a change could not be applied and is tried again.", &out)
      .Sample(status.change == "pending" ? 1U : 0U);
  AddReload(status, &out);
  AddHealth(status, &out);
  size_t zombies = 0;
  for (const NeglectfulParent& parent : status.zombies) {
    zombies += parent.zombies.size();
  }
  Metric("reinit_zombies", "gauge",
         "Ended processes whose living parents do not wait for them.", &out)
      .Sample(zombies);
  AddTimes(status, now, &out);
  AddWorkers(status, now, &out);
  return out;
}

}  // namespace reinit
