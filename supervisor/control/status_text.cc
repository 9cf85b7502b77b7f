#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/log.h"
#include "reaper/log_json.h"
#include "supervisor/control/bounded_json.h"
#include "supervisor/control/limits.h"
#include "supervisor/control/status_render.h"
#include "supervisor/value/duration_text.h"

namespace reinit {
namespace {

// To a precision that people care for.
std::string Time(absl::Duration duration) {
  const absl::Duration unit =
      duration < absl::Seconds(10) ? absl::Milliseconds(100) : absl::Seconds(1);
  return DurationText(
      absl::Trunc(std::max(duration, absl::ZeroDuration()), unit));
}

std::string Text(std::string_view bytes, size_t max = BoundedJson::kMaxText) {
  return ValidText(EscapeForLog(bytes), max);
}

void Line(std::string_view name, std::string_view what, std::string* out) {
  absl::StrAppend(out, name, ": ", what, "\n");
}

std::string Pids(const std::vector<pid_t>& pids, size_t max) {
  return absl::StrCat(absl::StrJoin(Shown(pids, max), " "),
                      pids.size() > max ? " ..." : "");
}

void AddProcess(std::string_view name,
                const std::optional<Status::Process>& shown, std::string* out) {
  if (!shown.has_value()) {
    Line(name, "none", out);
    return;
  }
  const Status::Process& process = *shown;
  Line(name,
       absl::StrCat(process.pid, ", runs for ", Time(process.uptime),
                    process.stopping ? ", stopping"
                    : process.ready.has_value()
                        ? absl::StrCat(", ready for ", Time(*process.ready))
                        : ", not ready"),
       out);
  if (process.pids.size() > 1) {
    Line(absl::StrCat(name, "es"),
         absl::StrCat(process.pids.size(), ": ",
                      Pids(process.pids, kMaxShownPids)),
         out);
  }
}

void AddRestarts(const Status& status, std::string* out) {
  uint64_t total = 0;
  std::string causes;
  for (const auto& [cause, count] : status.restarts) {
    total += count;
    if (count == 0) continue;
    absl::StrAppend(&causes, causes.empty() ? " (" : ", ", cause, " ", count);
  }
  Line("restarts", absl::StrCat(total, causes, causes.empty() ? "" : ")"), out);
  for (const Status::Restart& restart : Shown(status.last_restarts)) {
    Line(absl::StrCat("  ", Time(restart.ago), " ago"),
         absl::StrCat(restart.cause, ": ", Text(restart.text)), out);
  }
  if (!status.last_exit.empty()) Line("last exit", status.last_exit, out);
  if (status.oom_kills != 0) {
    Line("out of memory",
         absl::StrCat("the kernel has killed ", status.oom_kills,
                      status.oom_kills == 1 ? " process" : " processes"),
         out);
  }
  if (!status.end_reason.empty()) Line("reason", Text(status.end_reason), out);
  if (status.next_start.has_value()) {
    Line("backoff", absl::StrCat("next start in ", Time(*status.next_start)),
         out);
  }
  if (status.limit.burst != 0 && status.limit.used != 0) {
    Line("start limit",
         absl::StrCat(status.limit.used, " of ", status.limit.burst, " used"),
         out);
  }
}

void AddOutcomes(const Status& status, std::string* out) {
  if (const auto& last = status.last_applied) {
    Line("last applied",
         absl::StrCat(UtcTime(absl::ToUnixMillis(last->at)), ", ",
                      Time(last->ago), " ago, after ", Time(last->took), ": ",
                      last->cause, ": ", Text(last->text)),
         out);
  }
  if (status.reload_succeeded.has_value()) {
    Line("last reload", *status.reload_succeeded ? "succeeded" : "failed", out);
  }
  if (status.awaited.has_value()) {
    Line("waits for",
         absl::StrCat(status.awaited->what, ", for ",
                      Time(status.awaited->since)),
         out);
  }
}

void AddHealth(const Status& status, std::string* out) {
  for (const CheckStatus& check : Shown(status.checks)) {
    std::string what = "no result yet";
    if (check.state != CheckStatus::State::kUnknown) {
      const bool passes = check.state == CheckStatus::State::kPassing;
      what = absl::StrCat(passes ? "passes" : "fails", " (", Text(check.text),
                          ", ", Time(check.ago), " ago");
      if (check.failures > 0) {
        absl::StrAppend(&what, ", ", check.failures, " in a row");
      }
      what += ')';
    }
    Line("health", absl::StrCat(Text(check.check), " ", what), out);
  }
}

// The cells of one line of the table, each but the last as wide as its column.
std::string Row(absl::Span<const std::string> cells) {
  constexpr size_t kWidths[] = {6, 10, 7, 9, 8, 16};
  std::string row = "  ";
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) row += "  ";
    row += cells[i];
    if (i + 1 == cells.size() || i >= std::size(kWidths)) continue;
    if (cells[i].size() < kWidths[i]) {
      row.append(kWidths[i] - cells[i].size(), ' ');
    }
  }
  row.resize(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string WorkerNotes(const Status::Worker& worker) {
  std::vector<std::string> notes;
  if (worker.other_process.has_value()) {
    notes.push_back(absl::StrCat(
        "process ", worker.other_process->pid,
        worker.other_process->stopping ? " stops" : " takes over when ready"));
  }
  if (worker.outdated) notes.push_back("to be replaced");
  if (worker.next_start.has_value()) {
    notes.push_back(absl::StrCat("next start in ", Time(*worker.next_start)));
  }
  const auto failing = std::find_if(
      worker.checks.begin(), worker.checks.end(), [](const CheckStatus& check) {
        return check.state == CheckStatus::State::kFailing;
      });
  if (failing != worker.checks.end()) {
    notes.push_back(
        absl::StrCat(Text(failing->check, kMaxWorkerText),
                     " fails: ", Text(failing->text, kMaxWorkerText)));
  }
  if (!worker.end_reason.empty()) {
    notes.push_back(Text(worker.end_reason, kMaxWorkerText));
  }
  return absl::StrJoin(notes, "; ");
}

std::string WorkerRow(const Status::Worker& worker) {
  uint64_t restarts = 0;
  for (const auto& [cause, count] : worker.restarts) restarts += count;
  const bool runs = worker.process.has_value();
  return Row(
      {absl::StrCat(worker.number), Text(worker.state, kMaxWorkerText),
       runs ? absl::StrCat(worker.process->pid) : "-",
       runs ? Time(worker.process->uptime) : "-", absl::StrCat(restarts),
       worker.last_exit.empty() ? "-" : Text(worker.last_exit, kMaxWorkerText),
       WorkerNotes(worker)});
}

// In at most about `room` bytes.
void AddWorkers(const Status& status, size_t room, std::string* out) {
  const auto outdated = std::count_if(
      status.workers.begin(), status.workers.end(),
      [](const Status::Worker& worker) { return worker.outdated; });
  Line(
      "workers",
      absl::StrCat(
          status.workers.size(), ", ", status.ReadyWorkers(), " ready",
          outdated == 0 ? "" : absl::StrCat(", ", outdated, " to be replaced")),
      out);
  std::string table = Row(
      {"worker", "state", "pid", "uptime", "restarts", "last exit", "notes"});
  size_t shown = 0;
  for (const Status::Worker& worker : Shown(status.workers, kMaxShownWorkers)) {
    const std::string row = WorkerRow(worker);
    if (table.size() + row.size() > room) break;
    table += row;
    ++shown;
  }
  if (shown < status.workers.size()) {
    absl::StrAppend(&table, "  ... and ", status.workers.size() - shown,
                    " more\n");
  }
  *out += table;
}

// All but the first lines.
std::string Rest(const Status& status) {
  std::string out;
  Line("reinit",
       absl::StrCat(status.reinit_pid, ", runs for ", Time(status.uptime)),
       &out);
  AddRestarts(status, &out);
  AddOutcomes(status, &out);
  if (status.change != "none") {
    Line("change",
         absl::StrCat(status.change, status.change_text.empty() ? "" : ": ",
                      Text(status.change_text)),
         &out);
  }
  if (!status.change_failure.empty()) {
    Line("not applied", Text(status.change_failure, kMaxFailure), &out);
  }
  AddHealth(status, &out);
  for (const NeglectfulParent& parent : Shown(status.zombies)) {
    Line("zombies",
         absl::StrCat(parent.zombies.size(), " of process ", parent.pid, " '",
                      Text(parent.name), "', which does not wait for them: ",
                      Pids(parent.zombies, kMaxShownItems)),
         &out);
  }
  if (!status.strategies.empty()) {
    Line("strategies", absl::StrJoin(Shown(status.strategies), ", "), &out);
  }
  for (const Status::Listener& listener : Shown(status.listeners)) {
    Line("listens",
         absl::StrCat(Text(listener.name), " ", Text(listener.address)), &out);
  }
  return out;
}

}  // namespace

std::string StatusText(const Status& status) {
  const std::string rest = Rest(status);
  std::string out;
  if (!status.workers.empty()) {
    constexpr size_t kFirstLines = 512;
    Line("state", status.state, &out);
    AddWorkers(status, kMaxRendered - kFirstLines - rest.size(), &out);
    return out + rest;
  }
  Line("state",
       status.sidecar
           ? status.state
           : absl::StrCat(status.state, ", generation ", status.generation),
       &out);
  if (!status.sidecar) AddProcess("process", status.process, &out);
  if (status.sidecar && status.sidecar->applies_at_start) {
    Line("at the start", "does what --on-change says", &out);
  }
  if (status.other_process.has_value()) {
    AddProcess("other process", status.other_process, &out);
  }
  return out + rest;
}

}  // namespace reinit
