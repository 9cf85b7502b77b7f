#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "reaper/log_json.h"
#include "supervisor/control/bounded_json.h"
#include "supervisor/control/limits.h"
#include "supervisor/control/status_render.h"

namespace reinit {
namespace {

constexpr size_t kMaxZombies = 8;  // of one parent

void AddPids(absl::Span<const pid_t> pids, BoundedJson* json) {
  json->BeginArray();
  for (const pid_t pid : pids) json->Number(pid);
  json->EndArray();
}

void AddSeconds(std::optional<absl::Duration> duration, BoundedJson* json) {
  if (duration.has_value()) {
    json->Seconds(*duration);
  } else {
    json->Null();
  }
}

// `max_pids`: 0: without the key.
void AddProcess(const std::optional<Status::Process>& shown, size_t max_pids,
                BoundedJson* json) {
  if (!shown.has_value()) {
    json->Null();
    return;
  }
  const Status::Process& process = *shown;
  json->BeginObject().Key("pid").Number(process.pid);
  json->Key("uptime_seconds").Seconds(process.uptime).Key("ready_seconds");
  AddSeconds(process.ready, json);
  json->Key("stopping").Bool(process.stopping);
  json->Key("count").Number(static_cast<int64_t>(process.pids.size()));
  if (max_pids != 0) {
    json->Key("pids");
    AddPids(Shown(process.pids, max_pids), json);
  }
  json->EndObject();
}

void AddRestarts(const Status& status, BoundedJson* json) {
  json->Key("restarts").BeginObject();
  for (const auto& [cause, count] : status.restarts) {
    json->Key(cause).Number(static_cast<int64_t>(count));
  }
  json->EndObject().Key("last_restarts").BeginArray();
  for (const Status::Restart& restart : Shown(status.last_restarts)) {
    json->BeginObject().Key("cause").Text(restart.cause);
    json->Key("reason").Text(restart.text);
    json->Key("seconds_ago").Seconds(restart.ago);
    json->Key("generation").Number(restart.generation).EndObject();
  }
  json->EndArray().Key("exits").Number(static_cast<int64_t>(status.exits));
  json->Key("oom_kills").Number(static_cast<int64_t>(status.oom_kills));
  json->Key("last_exit").Text(status.last_exit);
  json->Key("end_reason").Text(status.end_reason);
  json->Key("backoff").BeginObject().Key("next_start_seconds");
  AddSeconds(status.next_start, json);
  json->Key("restarts_counted").Number(status.limit.used);
  json->Key("start_limit_burst").Number(status.limit.burst).EndObject();
}

void AddTime(std::optional<absl::Time> at, BoundedJson* json) {
  if (at.has_value()) {
    json->Text(UtcTime(absl::ToUnixMillis(*at)));
  } else {
    json->Null();
  }
}

void AddLastApplied(const Status& status, BoundedJson* json) {
  json->Key("last_applied");
  if (!status.last_applied.has_value()) {
    json->Null();
    return;
  }
  const Status::Applied& last = *status.last_applied;
  json->BeginObject().Key("cause").Text(last.cause);
  json->Key("reason").Text(last.text).Key("time");
  AddTime(last.at, json);
  json->Key("seconds_ago").Seconds(last.ago);
  json->Key("took_seconds").Seconds(last.took).EndObject();
}

void AddAwaited(const Status& status, BoundedJson* json) {
  json->Key("awaited");
  if (!status.awaited.has_value()) {
    json->Null();
    return;
  }
  json->BeginObject().Key("what").Text(status.awaited->what);
  json->Key("seconds").Seconds(status.awaited->since).EndObject();
}

void AddContent(std::string_view name, const std::optional<uint64_t>& digest,
                BoundedJson* json) {
  json->Key(name);
  if (digest.has_value()) {
    json->Text(absl::StrCat(absl::Hex(*digest, absl::kZeroPad16)));
  } else {
    json->Null();
  }
}

void AddChange(const Status& status, BoundedJson* json) {
  json->Key("change").BeginObject().Key("state").Text(status.change);
  json->Key("reason").Text(status.change_text);
  json->Key("applied").Number(static_cast<int64_t>(status.changes_applied));
  json->Key("failed").Number(static_cast<int64_t>(status.changes_failed));
  json->Key("failure").Text(status.change_failure, kMaxFailure);
  json->Key("succeeded");
  if (status.reload_succeeded.has_value()) {
    json->Bool(*status.reload_succeeded);
  } else {
    json->Null();
  }
  json->Key("success_time");
  AddTime(status.reload_success_time, json);
  AddContent("content_attempted", status.attempted_content, json);
  AddContent("content_applied", status.applied_content, json);
  json->EndObject();
}

std::string_view Name(CheckStatus::State state) {
  return state == CheckStatus::State::kPassing   ? "passing"
         : state == CheckStatus::State::kFailing ? "failing"
                                                 : "unknown";
}

void AddHealth(absl::Span<const CheckStatus> checks, size_t max_text,
               BoundedJson* json) {
  json->Key("health").BeginArray();
  for (const CheckStatus& check : checks) {
    json->BeginObject().Key("check").Text(check.check, max_text);
    json->Key("state").Text(Name(check.state));
    json->Key("failures").Number(check.failures);
    json->Key("text").Text(check.text, max_text).Key("seconds_ago");
    if (check.state == CheckStatus::State::kUnknown) {
      json->Null();
    } else {
      json->Seconds(check.ago);
    }
    json->EndObject();
  }
  json->EndArray();
}

void AddZombies(const Status& status, BoundedJson* json) {
  json->Key("zombies").BeginArray();
  for (const NeglectfulParent& parent : Shown(status.zombies)) {
    json->BeginObject().Key("parent").Number(parent.pid);
    json->Key("parent_name").Text(parent.name);
    json->Key("count").Number(static_cast<int64_t>(parent.zombies.size()));
    json->Key("pids");
    AddPids(Shown(parent.zombies, kMaxZombies), json);
    json->EndObject();
  }
  json->EndArray();
}

// The keys are those of the whole, where those have the same sense.
BoundedJson WorkerJson(const Status::Worker& worker) {
  BoundedJson json;
  json.BeginObject().Key("worker").Number(worker.number);
  json.Key("state").Text(worker.state, kMaxWorkerText);
  json.Key("ready").Bool(worker.serves);
  json.Key("outdated").Bool(worker.outdated);
  json.Key("generation").Number(worker.generation);
  json.Key("process");
  AddProcess(worker.process, /*max_pids=*/0, &json);
  json.Key("other_process");
  AddProcess(worker.other_process, /*max_pids=*/0, &json);
  json.Key("restarts").BeginObject();
  for (const auto& [cause, count] : worker.restarts) {
    if (count == 0) continue;
    json.Key(cause).Number(static_cast<int64_t>(count));
  }
  json.EndObject();
  json.Key("exits").Number(static_cast<int64_t>(worker.exits));
  json.Key("last_exit").Text(worker.last_exit, kMaxWorkerText);
  json.Key("end_reason").Text(worker.end_reason, kMaxWorkerText);
  json.Key("next_start_seconds");
  AddSeconds(worker.next_start, &json);
  AddHealth(Shown(worker.checks, kMaxWorkerChecks), kMaxWorkerText, &json);
  json.EndObject();
  return json;
}

// The last key: as many workers as there is room for.
void AddWorkers(const Status& status, BoundedJson* json) {
  if (status.workers.empty()) return;
  json->Key("workers_count")
      .Number(static_cast<int64_t>(status.workers.size()));
  json->Key("workers_ready").Number(status.ReadyWorkers());
  json->Key("workers").BeginArray();
  for (const Status::Worker& worker : Shown(status.workers, kMaxShownWorkers)) {
    constexpr size_t kAround = 8;  // brackets, comma
    const BoundedJson one = WorkerJson(worker);
    if (json->text().size() + one.text().size() + kAround > kMaxRendered) break;
    json->Value(one);
  }
  json->EndArray();
}

}  // namespace

std::string StatusJson(const Status& status) {
  BoundedJson json;
  json.BeginObject().Key("state").Text(status.state);
  json.Key("sidecar").Bool(status.sidecar.has_value());
  json.Key("applies_at_start")
      .Bool(status.sidecar && status.sidecar->applies_at_start);
  json.Key("ready").Bool(status.serves);
  json.Key("settled").Bool(status.Settled());
  json.Key("generation").Number(status.generation);
  json.Key("reinit").BeginObject().Key("pid").Number(status.reinit_pid);
  json.Key("uptime_seconds").Seconds(status.uptime).EndObject();
  json.Key("process");
  AddProcess(status.process, kMaxShownPids, &json);
  json.Key("other_process");
  AddProcess(status.other_process, kMaxShownPids, &json);
  AddRestarts(status, &json);
  AddLastApplied(status, &json);
  AddAwaited(status, &json);
  AddChange(status, &json);
  AddHealth(Shown(status.checks), BoundedJson::kMaxText, &json);
  AddZombies(status, &json);
  json.Key("strategies").BeginArray();
  for (const std::string& name : Shown(status.strategies)) json.Text(name);
  json.EndArray().Key("listeners").BeginArray();
  for (const Status::Listener& listener : Shown(status.listeners)) {
    json.BeginObject().Key("name").Text(listener.name);
    json.Key("address").Text(listener.address).EndObject();
  }
  json.EndArray();
  AddWorkers(status, &json);
  json.EndObject();
  return json.text();
}

}  // namespace reinit
