// The Supervisor's part that shows what it does.
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/members.h"
#include "supervisor/supervisor.h"

namespace reinit {

Status Supervisor::Describe() const {
  const absl::Time now = context_.loop->Now();
  Status status;
  status.state = StateName();
  status.sidecar = options_->Sidecar();
  status.ending = end_ != End::kStaying;
  status.reinit_pid = context_.os->Self();
  status.uptime = now - began_;
  status.generation = ShownGeneration();
  status.serves = Serves();
  status.exits = exits_;
  status.last_exit = last_exit_;
  status.end_reason = end_reason_;
  const Instance* const serving = Serving();
  status.process = DescribeProcess(serving, now);
  status.other_process = DescribeProcess(
      serving == other_.get() ? instance_.get() : other_.get(), now);
  DescribeRestarts(now, &status);
  DescribeOutcomes(now, &status);

  status.change = ToString(change_);
  const bool known =
      change_ != ChangeState::kNone && change_ != ChangeState::kSettling;
  if (known) status.change_text = applied_.text;
  status.attempted_content = attempted_content_;
  status.applied_content = applied_content_;
  status.changes_applied = changes_applied_;
  status.changes_failed = changes_failed_;
  status.change_failure = change_failure_;
  status.change_queued = next_change_.has_value() ||
                         asked_reload_.has_value() ||
                         asked_restart_.has_value();

  for (const auto& strategy : strategies_) {
    status.strategies.emplace_back(strategy->name());
    strategy->AddChecks(&status.checks);
  }
  status.zombies =
      FindNeglectfulParents(context_.os->Processes(), context_.os->Self());
  if (sockets_ == nullptr) return status;
  for (ListenSockets::Id& id : sockets_->Listening()) {
    status.listeners.push_back({std::move(id.name), std::move(id.address)});
  }
  return status;
}

// For what is shown, and --post-stop. The watchdog and the two timeouts are
// known before the end, the kernel's killer after it.
void Supervisor::NoteExit(const Instance& ended) {
  const ExitStatus status = *ended.exit_status();
  std::string_view result = ended.result();
  if (result.empty() && killed_for_memory_) result = "oom-kill";
  post_stops_due_.push_back({status, ended.generation(), result});
  ++exits_;
  last_exit_ = status.ToString();
}

// One that is not ready yet, beside one that serves, is not meant.
int Supervisor::ShownGeneration() const {
  const Instance* const serving = Serving();
  return serving != nullptr ? serving->generation() : generation_;
}

std::optional<Status::Process> Supervisor::DescribeProcess(
    const Instance* instance, absl::Time now) const {
  if (instance == nullptr || !instance->alive()) return std::nullopt;
  Status::Process process;
  process.pid = instance->pid();
  process.uptime = now - instance->started();
  if (instance->state() == InstanceState::kReady) {
    process.ready = now - instance->ready_since();
  }
  process.stopping = instance->state() == InstanceState::kStopping;
  process.pids =
      MembersOf(context_, process.pid, instance->first_pid(), instance->mark());
  return process;
}

void Supervisor::DescribeRestarts(absl::Time now, Status* status) const {
  for (int i = 0; i < Reason::kCauses; ++i) {
    const auto cause = static_cast<Reason::Cause>(i);
    status->restarts.emplace_back(ToString(cause), history_.count(cause));
  }
  for (const RestartHistory::Entry& entry : history_.last()) {
    status->last_restarts.push_back({ToString(entry.cause), entry.text,
                                     now - entry.when, entry.generation});
  }
  if (start_timer_.armed()) status->next_start = start_timer_.deadline() - now;
  status->limit_used = limit_.Used(now);
  status->limit_burst = limit_.burst();
}

void Supervisor::DescribeOutcomes(absl::Time now, Status* status) const {
  if (const auto& last = outcomes_.last_applied()) {
    status->last_applied = {ToString(last->cause), last->text, last->at,
                            now - last->when, last->took};
  }
  status->reload_succeeded = outcomes_.last_succeeded();
  status->reload_success_time = outcomes_.success_time();
  if (pre_start_ != nullptr) {
    status->awaited = {"--pre-start", now - pre_start_->started()};
  } else if (post_stop_ != nullptr) {
    status->awaited = {"--post-stop", now - post_stop_->started()};
  } else if (reload_check_ != nullptr) {
    status->awaited = {"--reload-check", now - reload_check_->started()};
  } else if (change_ == ChangeState::kApplying && !planned_.has_value()) {
    status->awaited = {"--on-change", now - acts_since_};
  }
}

}  // namespace reinit
