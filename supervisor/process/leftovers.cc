#include "supervisor/process/leftovers.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/log.h"
#include "reaper/process_tree.h"
#include "supervisor/process/members.h"

namespace reinit {
namespace {

constexpr absl::Duration kDying = absl::Milliseconds(500);

// Looks cost by the number of all processes: what is left may be many, ending
// one after the other, or fork as fast as it can. So a look waits this long
// after the last one, and this many times as long as that one took...
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(50);
constexpr int kRest = 4;
constexpr absl::Duration kMostBetweenLooks = absl::Seconds(1);
// ...but for this many of each sweep, once all that was found has ended.
constexpr int kEarlyLooks = 8;

// So many that are killed are named in the log.
constexpr size_t kNamed = 10;

void Remove(pid_t pid, std::vector<pid_t>* from) {
  from->erase(std::remove(from->begin(), from->end(), pid), from->end());
}

}  // namespace

Leftovers::Leftovers(const Context& context, absl::Duration timeout,
                     Scope scope, OnDone done)
    : context_(context),
      scope_(std::move(scope)),
      timeout_(timeout),
      ladder_(timeout),
      timer_(
          context.loop, [this] { OnTimer(); },
          EventLoop::Frozen::kDoesNotCount),
      look_timer_(context.loop, [this] { LookAgain(); }),
      question_(context.marks),
      done_(std::move(done)),
      terminated_(scope_.stop.told) {}

void Leftovers::Start() { Act(ladder_.MainExited(context_.loop->Now())); }

void Leftovers::KillNow() { Act(ladder_.Kill(context_.loop->Now())); }

void Leftovers::Look() {
  const bool open = ladder_.state() == StopLadder::State::kLeftoverTerm ||
                    ladder_.state() == StopLadder::State::kLeftoverKill;
  if (!open) return;
  if (MustWait()) {
    look_timer_.ArmAt(next_look_);
  } else {
    look_timer_.Cancel();
    LookAgain();
  }
}

bool Leftovers::MustWait() {
  if (context_.loop->Now() >= next_look_) return false;
  // Then Find has no need to look.
  if (scope_.adopted && context_.children->none_left()) return false;
  if (AnyLives(&awaited_) || early_looks_ >= kEarlyLooks) return true;
  ++early_looks_;
  return false;
}

// Takes off those that have ended, until one lives. The number of one that its
// own parent has reaped may be another's by now: then the look comes a little
// later.
bool Leftovers::AnyLives(std::vector<pid_t>* pids) const {
  while (!pids->empty()) {
    if (context_.os->Send(pids->back(), 0) == 0) return true;
    pids->pop_back();
  }
  return false;
}

// At once, but only once for each look that came at its time.
void Leftovers::OnMarks() {
  if (follows_up_) return Look();
  ++early_looks_;
  look_timer_.Cancel();
  LookAgain(/*follows_up=*/true);
}

void Leftovers::LookAgain(bool follows_up) {
  follows_up_ = follows_up;
  if (NothingNew()) {
    next_look_ = context_.loop->Now() + kBetweenLooks;
    return;
  }
  switch (ladder_.state()) {
    case StopLadder::State::kLeftoverTerm:
      Act(StopLadder::Act::kTermLeftovers, /*again=*/true);
      return;
    case StopLadder::State::kLeftoverKill:
      Act(StopLadder::Act::kKillLeftovers, /*again=*/true);
      return;
    default:
      return;
  }
}

// What lived below the main process when that was stopped has the same time as
// that, and everything else with it: it may be the server that is drained.
absl::Time Leftovers::Deadline() const {
  const bool keeps =
      !below_.empty() && ladder_.state() == StopLadder::State::kLeftoverTerm;
  return keeps ? std::max(ladder_.deadline(), scope_.stop.until)
               : ladder_.deadline();
}

void Leftovers::Act(StopLadder::Act act, bool again) {
  switch (act) {
    case StopLadder::Act::kTermLeftovers:
    case StopLadder::Act::kKillLeftovers: {
      const Found found = Find();
      if (found.empty() && found.unsure.empty() && found.unknown.empty()) {
        OnEmpty();
        return;
      }
      if (!found.unknown.empty()) {
        question_.Ask(found.unknown, [this] { OnMarks(); });
      } else if (found.empty()) {
        look_timer_.ArmAt(next_look_);
      }
      const bool was_dying = std::exchange(dying_, false);
      Signal(found.live, act == StopLadder::Act::kKillLeftovers);
      below_ = found.below;
      if (!again || was_dying || Deadline() != armed_for_) {
        armed_for_ = Deadline();
        timer_.ArmAt(armed_for_);
      }
      return;
    }
    case StopLadder::Act::kGiveUp: {
      // An ending one has not had SIGKILL from us.
      const size_t count = Find().live.size();
      if (count > 0) {
        context_.log->Write(
            LogLevel::kWarning,
            absl::StrCat(count,
                         " processes survive SIGKILL (uninterruptible?): "
                         "leaving them"));
      }
      Finish();
      return;
    }
    case StopLadder::Act::kDone:
      Finish();
      return;
    default:
      return;
  }
}

// At the final end our helpers, killed just now, are still to be reaped: a
// zombie of ours would be handed to somebody else. But a hung one is not waited
// for, and neither is one whose end nobody reports.
void Leftovers::OnEmpty() {
  if (!scope_.everything || context_.children->none_left()) {
    Act(ladder_.Empty());
    return;
  }
  if (dying_) return;
  dying_ = true;
  timer_.ArmAfter(kDying);
}

void Leftovers::OnTimer() {
  if (dying_) {
    Act(ladder_.Empty());
    return;
  }
  killed_for_ =
      armed_for_ > ladder_.deadline()
          ? scope_.stop.limit
          : absl::StrCat("--leftover-timeout=", absl::FormatDuration(timeout_));
  Act(ladder_.Tick(context_.loop->Now()));
}

void Leftovers::Finish() {
  timer_.Cancel();
  look_timer_.Cancel();
  question_.Cancel();
  done_();
}

// One look may miss a process that was forked while it was taken, by a parent
// that ended in the same moment: an empty one counts only when repeated.
Leftovers::Found Leftovers::Find() {
  awaited_.clear();
  seen_.clear();
  // Without a child there is no descendant then.
  if (scope_.adopted && context_.children->none_left()) return {};
  const absl::Time began = context_.loop->Now();
  Found found = LookOnce();
  if (found.empty() && found.unknown.empty()) found = LookOnce();
  // One that is so for longer is so for good.
  const auto settled = [this, began](pid_t pid) {
    const auto [noted, added] = unsure_.emplace(pid, began);
    if (added || noted->second + kBetweenLooks > began) return false;
    unreadable_.insert(pid);
    return true;
  };
  found.unsure.erase(
      std::remove_if(found.unsure.begin(), found.unsure.end(), settled),
      found.unsure.end());
  unreadable_.insert(found.unreadable.begin(), found.unreadable.end());
  const auto hopeless = [this](const ProcessInfo& process) {
    return unreadable_.count(process.pid) != 0;
  };
  found.unknown.erase(
      std::remove_if(found.unknown.begin(), found.unknown.end(), hopeless),
      found.unknown.end());
  awaited_ = found.live;
  awaited_.insert(awaited_.end(), found.ending.begin(), found.ending.end());
  const absl::Time now = context_.loop->Now();
  next_look_ =
      now + std::clamp(kRest * (now - began), kBetweenLooks, kMostBetweenLooks);
  return found;
}

bool Leftovers::IsKnown(pid_t pid) const {
  return pid != scope_.survivor && context_.children->Knows(pid);
}

std::vector<pid_t> Leftovers::Orphans(absl::Span<const pid_t> children) const {
  std::vector<pid_t> orphans;
  for (const pid_t pid : children) {
    if (!IsKnown(pid)) orphans.push_back(pid);
  }
  std::sort(orphans.begin(), orphans.end());
  return orphans;
}

// Whether one that the last look has found lives, and that look has judged all
// the orphans there are: then another would find nothing else, at the cost of
// reading about each. The last of StopNote::below to end changes the deadline.
bool Leftovers::NothingNew() {
  if (!scope_.adopted || !AnyLives(&awaited_)) return false;
  if (!below_.empty() && !AnyLives(&below_)) return false;
  const auto children = context_.os->Children();
  if (!children.has_value()) return false;
  const std::vector<pid_t> orphans = Orphans(*children);
  return std::includes(seen_.begin(), seen_.end(), orphans.begin(),
                       orphans.end());
}

// Where orphans are handed to us, what is left is an orphan or lives below one.
// So mostly a list of our children says that nothing is, whatever else runs.
Leftovers::Found Leftovers::LookOnce() {
  const auto children = scope_.adopted ? context_.os->Children() : std::nullopt;
  if (!children.has_value()) {
    const std::vector<ProcessInfo> all = context_.os->Processes();
    if (all.empty()) return {FindWithoutProc(), {}, {}, {}, {}, {}};
    return Judge(all);
  }
  const std::vector<pid_t> orphans = Orphans(*children);
  if (orphans.empty()) return {};
  Found found = Judge(context_.os->Below(orphans));
  seen_ = orphans;
  for (const pid_t pid : found.unsure) Remove(pid, &seen_);
  for (const ProcessInfo& one : found.unknown) Remove(one.pid, &seen_);
  return found;
}

Leftovers::Found Leftovers::Judge(
    absl::Span<const ProcessInfo> processes) const {
  const pid_t self = context_.os->Self();
  Found found;
  const auto is_ours = [&](const ProcessInfo& process) {
    const bool child = process.parent == self;
    if (process.state == 'Z') {
      if (scope_.adopted && !scope_.everything &&
          HidesOthers(context_, process)) {
        found.ending.push_back(process.pid);
      }
      return false;
    }
    if (!child && (scope_.adopted || process.pid == self)) return false;
    if (child && scope_.everything) return true;
    // The environment may have been overwritten (setproctitle), or not be
    // readable: where it stands in the main process's group or session, that is
    // proof enough.
    // A leader outside of the namespace shows as 0, as no process of ours does.
    if (scope_.main != 0 &&
        (process.group == scope_.main || process.session == scope_.main)) {
      return true;
    }
    const bool orphan = child && scope_.adopted;
    switch (context_.marks->Of(process, scope_.mark)) {
      case Marks::Verdict::kHas:
        return true;
      case Marks::Verdict::kHasNot:
        return false;
      case Marks::Verdict::kUnknown:
        // One that ends is gone before it is read.
        if (orphan && process.ending) {
          found.ending.push_back(process.pid);
        } else {
          found.unknown.push_back(process);
        }
        return false;
      case Marks::Verdict::kUnreadable:
        (!orphan          ? found.unreadable
         : process.ending ? found.ending
                          : found.unsure)
            .push_back(process.pid);
        return false;
    }
    return false;
  };
  const auto is_known = [&](const ProcessInfo& process) {
    return process.pid == self || IsKnown(process.pid);
  };
  found.live = Descendants(processes, is_ours, is_known);
  Remove(scope_.survivor, &found.live);
  const StopNote& stop = scope_.stop;
  for (const ProcessInfo& process : processes) {
    if (std::binary_search(found.live.begin(), found.live.end(), process.pid) &&
        std::binary_search(stop.below.begin(), stop.below.end(),
                           std::make_pair(process.pid, process.started))) {
      found.below.push_back(process.pid);
    }
  }
  return found;
}

std::vector<pid_t> Leftovers::FindWithoutProc() const {
  // As PID 1, -1 means all but ourselves.
  if (scope_.everything && context_.os->Self() == 1) {
    if (context_.os->Send(-1, 0) == 0) return {-1};
    return {};
  }
  if (scope_.main > 1 && context_.os->Send(-scope_.main, 0) == 0) {
    return {-scope_.main};
  }
  return {};
}

void Leftovers::Signal(const std::vector<pid_t>& pids, bool kill) {
  for (const pid_t pid : pids) {
    if (kill) {
      LogKill(pid);
      context_.os->Send(pid, SIGKILL);
      continue;
    }
    if (std::find(terminated_.begin(), terminated_.end(), pid) !=
        terminated_.end()) {
      continue;
    }
    terminated_.push_back(pid);
    context_.os->Send(pid, SIGTERM);
    context_.os->Send(pid, SIGCONT);
    context_.log->Write(LogLevel::kDebug,
                        absl::StrCat("leftover process ", pid, ": SIGTERM"));
  }
}

// A process that was cut off is missed by somebody, who then needs the flag
// that would have given it more time.
void Leftovers::LogKill(pid_t pid) {
  if (killed_.size() > kNamed ||
      std::find(killed_.begin(), killed_.end(), pid) != killed_.end()) {
    return;
  }
  killed_.push_back(pid);
  std::string whose = absl::StrCat("leftover process ", pid);
  if (killed_.size() > kNamed) {
    whose = "more leftover processes";
  } else if (pid < 0) {
    whose = pid == -1 ? "all leftover processes"
                      : absl::StrCat("leftover processes of group ", -pid);
  } else if (const auto process = context_.os->ReadProcess(pid)) {
    absl::StrAppend(&whose, " (", EscapeForLog(process->name), ")");
  }
  context_.log->Write(
      LogLevel::kInfo,
      absl::StrCat(whose, ": SIGKILL",
                   killed_for_.empty()
                       ? ""
                       : absl::StrCat(", as ", killed_for_, " is over")));
}

}  // namespace reinit
