#include "supervisor/leftovers.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/process_tree.h"

namespace reinit {
namespace {

constexpr absl::Duration kDying = absl::Milliseconds(500);

}  // namespace

Leftovers::Leftovers(const Context& context, absl::Duration timeout,
                     Scope scope, OnDone done)
    : context_(context),
      scope_(std::move(scope)),
      ladder_(timeout),
      timer_(
          context.loop, [this] { OnTimer(); },
          EventLoop::Frozen::kDoesNotCount),
      done_(std::move(done)) {}

void Leftovers::Start() { Act(ladder_.MainExited(context_.loop->Now())); }

void Leftovers::KillNow() { Act(ladder_.Kill(context_.loop->Now())); }

void Leftovers::Look() {
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

void Leftovers::Act(StopLadder::Act act, bool again) {
  switch (act) {
    case StopLadder::Act::kTermLeftovers:
    case StopLadder::Act::kKillLeftovers: {
      const std::vector<pid_t> found = Find();
      if (found.empty()) {
        OnEmpty();
        return;
      }
      const bool was_dying = std::exchange(dying_, false);
      Signal(found, act == StopLadder::Act::kKillLeftovers);
      if (!again || was_dying) timer_.ArmAt(ladder_.deadline());
      return;
    }
    case StopLadder::Act::kGiveUp:
      context_.log->Write(
          LogLevel::kWarning,
          absl::StrCat(Find().size(),
                       " processes survive SIGKILL (uninterruptible?): "
                       "leaving them"));
      Finish();
      return;
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
  Act(dying_ ? ladder_.Empty() : ladder_.Tick(context_.loop->Now()));
}

void Leftovers::Finish() {
  timer_.Cancel();
  done_();
}

// One look may miss a process that was forked while it was taken, by a parent
// that ended in the same moment: an empty one counts only when repeated.
std::vector<pid_t> Leftovers::Find() const {
  // Without a child there is no descendant then.
  if (scope_.adopted && context_.children->none_left()) return {};
  std::vector<pid_t> found = LookOnce();
  if (found.empty()) found = LookOnce();
  return found;
}

std::vector<pid_t> Leftovers::LookOnce() const {
  const std::vector<ProcessInfo> processes = context_.os->Processes();
  if (processes.empty()) return FindWithoutProc();
  const pid_t self = context_.os->Self();
  const auto is_ours = [&](const ProcessInfo& process) {
    if (process.state == 'Z') return false;
    const bool child = process.parent == self;
    if (!child && (scope_.adopted || process.pid == self)) return false;
    if (child && scope_.everything) return true;
    // The environment may have been overwritten (setproctitle), or not be
    // readable: where it stands in the main process's group or session, that is
    // proof enough. In state D reading it could hang.
    // A leader outside of the namespace shows as 0, as no process of ours does.
    const bool of_group = scope_.main != 0 && (process.group == scope_.main ||
                                               process.session == scope_.main);
    return of_group ||
           (process.state != 'D' &&
            context_.os->StartedWith(process.pid, scope_.mark).value_or(false));
  };
  const auto is_known = [&](const ProcessInfo& process) {
    return process.pid == self || context_.children->Knows(process.pid);
  };
  return Descendants(processes, is_ours, is_known);
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

}  // namespace reinit
