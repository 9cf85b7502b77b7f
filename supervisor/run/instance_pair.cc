#include "supervisor/run/instance_pair.h"

#include <utility>
#include <vector>

#include "supervisor/process/members.h"

namespace reinit {

bool InstancePair::Overlapping() const {
  return overlaps_ && current_ != nullptr && leaving_ != nullptr &&
         leaving_->alive() && !leaving_->stop_requested();
}

bool InstancePair::ReplacedOneDrains(int newest) const {
  return leaving_ != nullptr && leaving_->alive() &&
         leaving_->generation() < newest && !Overlapping();
}

bool InstancePair::StandsAlone() const {
  return current_ != nullptr && leaving_ == nullptr &&
         current_->state() == InstanceState::kReady;
}

void InstancePair::Add(std::unique_ptr<Instance> instance) {
  if (current_ != nullptr) leaving_ = std::move(current_);
  current_ = std::move(instance);
  overlaps_ = !settled_;
  last_pid_ = current_->pid();
}

void InstancePair::Reinstate() {
  current_.swap(leaving_);
  overlaps_ = false;
  last_pid_ = current_->pid();
}

void InstancePair::Settle() {
  if (Overlapping()) Reinstate();
  overlaps_ = false;
  settled_ = true;
}

// The instance may be the caller: it is destroyed once it has returned.
void InstancePair::Drop(std::unique_ptr<Instance>* instance) {
  if (*instance != nullptr && (*instance)->alive()) {
    survivor_ = (*instance)->pid();
  }
  context_.loop->Post([gone = std::move(*instance)] {});
}

std::optional<Status::Process> InstancePair::DescribeOne(
    const Instance* instance, absl::Time now) const {
  if (instance == nullptr || !instance->alive()) return std::nullopt;
  Status::Process process;
  process.pid = instance->pid();
  process.uptime = now - instance->started();
  if (instance->state() == InstanceState::kReady) {
    process.ready = now - instance->ready_since();
  }
  process.stopping = instance->state() == InstanceState::kStopping;
  std::vector<ProcessInfo> unknown;
  process.pids = MembersOf(context_, process.pid, instance->first_pid(),
                           instance->mark(), nullptr, &unknown);
  context_.marks->Learn(unknown);
  return process;
}

void InstancePair::Describe(absl::Time now, Status* status) const {
  const bool overlapping = Overlapping();
  status->process = DescribeOne(Serving(), now);
  status->other_process = DescribeOne(overlapping ? current() : leaving(), now);
}

void InstancePair::OnReaped() {
  if (current_ != nullptr) current_->OnReaped();
  if (leaving_ != nullptr) leaving_->OnReaped();
}

void InstancePair::KillNow() {
  if (current_ != nullptr) current_->KillNow();
  if (leaving_ != nullptr) leaving_->KillNow();
}

bool InstancePair::IsStoppingOne() const {
  const auto stops = [](const Instance* one) {
    return one != nullptr && one->stop_requested();
  };
  return stops(current()) || stops(leaving());
}

}  // namespace reinit
