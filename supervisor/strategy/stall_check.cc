#include "supervisor/strategy/stall_check.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/value/overslept.h"
#include "supervisor/process/members.h"

namespace reinit {
namespace {

constexpr int kLooks = 10;
// Of one processor: less is what a runtime's own timers use.
constexpr double kIdle = 0.01;

using Queue = ListenSockets::Queue;

// What its client has reset stays in the queue, but is no connection any more.
int64_t CountReset(const Queue& queue) {
  return int64_t{queue.length} - static_cast<int64_t>(queue.waiting->size());
}

// Whether somebody has taken a connection between two looks. The queue may have
// grown meanwhile, so its length alone says little.
bool WasTaken(const Queue& before, const Queue& now) {
  if (now.length < before.length) return true;
  std::vector<uint64_t> gone;
  std::set_difference(before.waiting->begin(), before.waiting->end(),
                      now.waiting->begin(), now.waiting->end(),
                      std::back_inserter(gone));
  const int64_t reset = CountReset(now) - CountReset(before);
  return static_cast<int64_t>(gone.size()) > std::max(int64_t{0}, reset);
}

// Of a queue that has a length. A listener of another network namespace has
// connections that cannot be seen.
bool CanBeTold(const Queue& queue) {
  return queue.waiting.has_value() && !queue.waiting->empty();
}

}  // namespace

StallCheck::StallCheck(const Context& context, const InstanceView& view,
                       QueuesFn queues, absl::Duration timeout, OnDone on_done)
    : context_(context),
      view_(view),
      queues_(std::move(queues)),
      timeout_(timeout),
      on_done_(std::move(on_done)),
      timer_(context.loop, [this] { Look(); }) {}

void StallCheck::Start() {
  began_ = context_.loop->Now();
  stalled_.clear();
  for (Queue& queue : queues_()) {
    if (queue.length > 0) stalled_.push_back(std::move(queue));
  }
  before_ = TimesUsed();
  timer_.ArmAfter(absl::ZeroDuration());
}

void StallCheck::Look() {
  if (Overslept(timer_.deadline(), context_.loop->Now())) {
    Start();
    return;
  }
  std::vector<Queue> still;
  bool told = true;
  for (Queue& now : queues_()) {
    const auto before = std::find_if(
        stalled_.begin(), stalled_.end(),
        [&](const Queue& queue) { return queue.address == now.address; });
    if (before == stalled_.end() || now.length == 0) continue;
    if (!CanBeTold(*before) || !CanBeTold(now)) {
      told = false;
    } else if (!WasTaken(*before, now)) {
      still.push_back(std::move(now));
    }
  }
  stalled_ = std::move(still);
  const absl::Duration elapsed = context_.loop->Now() - began_;
  if (stalled_.empty()) {
    on_done_(true, told ? "connections are taken"
                        : "connections wait, but the kernel does not tell "
                          "whether they are taken");
  } else if (elapsed < timeout_) {
    timer_.ArmAfter(timeout_ / kLooks);
  } else if (Used() >= kIdle * elapsed) {
    on_done_(true, "connections wait, but the process is busy");
  } else {
    const ListenSockets::Queue& first = stalled_.front();
    on_done_(false,
             absl::StrCat(first.length, " connections wait at ", first.name,
                          " (", first.address, "), none was taken for ",
                          absl::FormatDuration(timeout_),
                          ", and the process does nothing"));
  }
}

std::map<pid_t, absl::Duration> StallCheck::TimesUsed() const {
  std::map<pid_t, absl::Duration> times;
  std::vector<ProcessInfo> unknown;
  for (const pid_t pid : MembersOf(context_, view_.pid, view_.group, view_.mark,
                                   nullptr, &unknown)) {
    times[pid] =
        context_.os->ProcessorTime(pid).value_or(absl::InfiniteDuration());
  }
  // It may be one of them, until its marks are read.
  for (const ProcessInfo& one : unknown) {
    times[one.pid] = absl::InfiniteDuration();
  }
  context_.marks->Learn(unknown);
  return times;
}

// One that cannot be seen, or is new, may have used any time.
absl::Duration StallCheck::Used() const {
  absl::Duration used;
  for (const auto& [pid, time] : TimesUsed()) {
    const auto before = before_.find(pid);
    if (time == absl::InfiniteDuration() || before == before_.end()) {
      return absl::InfiniteDuration();
    }
    used += time - before->second;
  }
  return used;
}

}  // namespace reinit
