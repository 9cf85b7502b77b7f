#include "supervisor/strategy/stall_check.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/members.h"
#include "supervisor/overslept.h"

namespace reinit {
namespace {

// A queue that is found filled at each of them is one that nobody empties.
constexpr int kLooks = 10;
// Of one processor: less is what a runtime's own timers use.
constexpr double kIdle = 0.01;

}  // namespace

StallCheck::StallCheck(const Context& context, const View& view,
                       QueuesFn queues, absl::Duration timeout, OnDone on_done)
    : context_(context),
      view_(view),
      queues_(std::move(queues)),
      timeout_(timeout),
      on_done_(std::move(on_done)),
      timer_(context.loop, [this] { Look(); }) {}

void StallCheck::Start() {
  began_ = context_.loop->Now();
  stalled_ = queues_();
  before_ = TimesUsed();
  timer_.ArmAfter(absl::ZeroDuration());
}

void StallCheck::Look() {
  if (Overslept(timer_.deadline(), context_.loop->Now())) {
    Start();
    return;
  }
  std::vector<ListenSockets::Queue> still;
  for (ListenSockets::Queue& now : queues_()) {
    const auto before = std::find_if(
        stalled_.begin(), stalled_.end(),
        [&](const auto& queue) { return queue.address == now.address; });
    const bool taken = before == stalled_.end() || now.length < before->length;
    if (now.length > 0 && !taken) still.push_back(std::move(now));
  }
  stalled_ = std::move(still);
  const absl::Duration elapsed = context_.loop->Now() - began_;
  if (stalled_.empty()) {
    on_done_(true, "connections are taken");
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
  for (const pid_t pid :
       MembersOf(context_, view_.pid, view_.group, view_.mark)) {
    times[pid] =
        context_.os->ProcessorTime(pid).value_or(absl::InfiniteDuration());
  }
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
