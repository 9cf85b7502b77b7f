// The part of Workers that shows them and takes requests.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/workers/worker_options.h"
#include "supervisor/workers/workers.h"

namespace reinit {
namespace {

Reason Asked(std::string_view text) {
  Reason reason;
  reason.cause = Reason::Cause::kControl;
  reason.text = text;
  return reason;
}

void AddRestarts(const WorkerStatus& worker, Status* all) {
  for (const auto& [cause, count] : worker.restarts) {
    const auto same = std::find_if(
        all->restarts.begin(), all->restarts.end(),
        [cause = cause](const auto& one) { return one.first == cause; });
    if (same == all->restarts.end()) {
      all->restarts.emplace_back(cause, count);
    } else {
      same->second += count;
    }
  }
}

}  // namespace

absl::Status Workers::AskRestart(int worker, uint64_t* ticket) {
  if (end_.begun) return AboutToEnd();
  const Reason reason = Asked("ctl restart");
  if (worker == 0) {
    if (ticket != nullptr) *ticket = outcomes_.Await();
    Relay(reason, /*restart=*/true);
    return absl::OkStatus();
  }
  Worker* const one = Find(worker);
  if (one == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no worker ", worker, " of ", Active()));
  }
  // Then the restart is the start, which is under way.
  if (one->gone()) one->Start();
  const uint64_t inner = one->supervisor()->Replace(reason);
  if (ticket != nullptr) *ticket = outcomes_.Await(worker, inner);
  return absl::OkStatus();
}

absl::Status Workers::AskReload(uint64_t* ticket) {
  if (end_.begun) return AboutToEnd();
  if (ticket != nullptr) *ticket = outcomes_.Await();
  Relay(Asked("ctl reload"), /*restart=*/false);
  return absl::OkStatus();
}

std::optional<absl::Status> Workers::Outcome(uint64_t ticket) const {
  if (const RollOutcomes::Ticket* const found = outcomes_.Find(ticket)) {
    if (found->worker == 0) return found->outcome;
    const Worker* const worker = Find(found->worker);
    if (worker != nullptr) return worker->supervisor()->Outcome(found->inner);
  }
  return absl::NotFoundError(
      absl::StrCat("ticket ", ticket, " is unknown or too old"));
}

void Workers::AskStop(bool now) {
  if (!end_.begun) {
    context_.log->Write(LogLevel::kInfo,
                        now ? "ctl stop --now: killing" : "ctl stop: stopping");
    end_.reason = "ctl stop";
    BeginEnd();
  }
  for (const auto& worker : workers_) worker->supervisor()->AskStop(now);
  if (now) closing_.KillNow();
  Moved();
}

absl::Status Workers::AskSignal(int signo) {
  absl::Status result =
      absl::FailedPreconditionError("no worker runs at the moment");
  for (const auto& worker : workers_) {
    if (worker->gone()) continue;
    const absl::Status sent = worker->supervisor()->AskSignal(signo);
    if (sent.ok()) result = sent;
  }
  return result;
}

absl::Status Workers::AskScale(int workers) {
  if (end_.begun) return AboutToEnd();
  if (workers < 1 || workers > kMaxWorkers) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot run ", workers,
                     " workers: give a number from 1 to ", kMaxWorkers));
  }
  absl::Status numbered = CheckWorker(*options_, workers);
  if (!numbered.ok()) return numbered;
  context_.log->Event(
      LogLevel::kInfo, "scaled",
      absl::StrCat("scaling from ", Active(), " to ", workers, " workers"),
      {{"workers", workers}});
  for (const auto& worker : workers_) {
    if (worker->retired() && Active() < workers) worker->Return();
  }
  while (Active() < workers) {
    absl::Status bound = AddSlot();
    if (!bound.ok()) return bound;
    AddWorker();
  }
  for (auto it = workers_.rbegin(); Active() > workers; ++it) {
    if (!(*it)->retired()) (*it)->Retire();
  }
  Moved();
  return absl::OkStatus();
}

std::string Workers::StateName() const {
  if (ended()) return "ended";
  if (end_.begun) return "ending";
  if (roll_.stopped()) return "pending";
  if (roll_.under_way()) return "reloading";
  if (Serves()) return "ready";
  return was_ready_ ? "restarting" : "starting";
}

Status Workers::Describe() const {
  const absl::Time now = context_.loop->Now();
  Status status;
  status.state = StateName();
  status.reinit_pid = context_.os->Self();
  status.uptime = now - began_;
  status.serves = Serves();
  status.end_reason = end_.reason;
  for (const std::string_view name : shared_.Names()) {
    status.strategies.emplace_back(name);
  }
  status.checks = shared_.Checks();
  status.change = "none";
  if (roll_.under_way()) {
    status.change = roll_.stopped() ? "pending" : "applying";
    status.change_text = change_;
  }
  outcomes_.Describe(&status);
  for (const auto& worker : workers_) {
    status.workers.push_back(worker->Describe());
    status.exits += status.workers.back().exits;
    AddRestarts(status.workers.back(), &status);
    status.generation =
        std::max(status.generation, status.workers.back().generation);
  }
  status.zombies =
      FindNeglectfulParents(context_.os->Processes(), context_.os->Self());
  if (parts_.sockets == nullptr) return status;
  for (ListenSockets::Id& id : parts_.sockets->Listening()) {
    status.listeners.push_back({std::move(id.name), std::move(id.address)});
  }
  return status;
}

}  // namespace reinit
