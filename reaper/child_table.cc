#include "reaper/child_table.h"

#include <algorithm>
#include <utility>

namespace reinit {

void ChildTable::Add(pid_t pid, OnExit on_exit, OnStop on_stop) {
  none_left_ = false;
  children_.push_back({pid, std::move(on_exit), std::move(on_stop)});
}

void ChildTable::Stopped(pid_t pid, int signo) {
  const auto found =
      std::find_if(children_.begin(), children_.end(),
                   [pid](const Child& c) { return c.pid == pid; });
  // Posted, since the table must not change while it is told.
  if (found == children_.end() || !found->on_stop) return;
  loop_->Post([this, pid, signo] {
    for (Child& child : children_) {
      if (child.pid != pid) continue;
      child.on_stop(signo);
      return;
    }
  });
}

bool ChildTable::Forget(pid_t pid) {
  const auto found =
      std::find_if(children_.begin(), children_.end(),
                   [pid](const Child& c) { return c.pid == pid; });
  if (found == children_.end()) return false;
  const bool alive = !found->reaped;
  children_.erase(found);
  return alive;
}

bool ChildTable::ForgetOwn(pid_t pid) {
  if (!Forget(pid)) return false;
  own_.push_back(pid);
  return true;
}

uint64_t ChildTable::AddOrphan(pid_t pid, OnExit on_exit) {
  orphans_.push_back({++last_ticket_, pid, std::move(on_exit)});
  return last_ticket_;
}

void ChildTable::ForgetOrphan(uint64_t ticket) {
  orphans_.erase(
      std::remove_if(orphans_.begin(), orphans_.end(),
                     [ticket](const Orphan& o) { return o.ticket == ticket; }),
      orphans_.end());
}

bool ChildTable::Knows(pid_t pid) const {
  return std::any_of(children_.begin(), children_.end(),
                     [pid](const Child& c) { return c.pid == pid; }) ||
         std::find(own_.begin(), own_.end(), pid) != own_.end();
}

// Looked for each time, since the callback of one may forget another.
void ChildTable::TellOrphans(pid_t pid, ExitStatus status) {
  for (;;) {
    const auto found = std::find_if(
        orphans_.begin(), orphans_.end(),
        [pid](const Orphan& o) { return o.reaped && o.pid == pid; });
    if (found == orphans_.end()) return;
    OnExit on_exit = std::move(found->on_exit);
    orphans_.erase(found);
    on_exit(status);
  }
}

void ChildTable::Reap() {
  // Drawn first, told afterwards: whoever is told knows what is left.
  std::vector<std::pair<pid_t, ExitStatus>> known;
  std::vector<std::pair<pid_t, ExitStatus>> orphans;
  int reaped = 0;
  for (; reaped < kPerTurn; ++reaped) {
    const Reaped one = os_->ReapOne();
    none_left_ = one.what == Reaped::What::kNoChildren;
    if (one.what == Reaped::What::kStopped) {
      Stopped(one.pid, one.stop_signal);
      continue;
    }
    if (one.what == Reaped::What::kReleased) continue;
    if (one.what != Reaped::What::kProcess) break;
    if (spectator_.on_each) spectator_.on_each(one.pid, one.status);
    const auto found =
        std::find_if(children_.begin(), children_.end(),
                     [&](const Child& c) { return c.pid == one.pid; });
    own_.erase(std::remove(own_.begin(), own_.end(), one.pid), own_.end());
    bool awaited = false;
    for (Orphan& orphan : orphans_) {
      if (orphan.pid == one.pid) orphan.reaped = awaited = true;
    }
    if (awaited) orphans.emplace_back(one.pid, one.status);
    if (found == children_.end()) {
      ++adopted_reaped_;
    } else {
      found->reaped = true;
      known.emplace_back(one.pid, one.status);
    }
  }
  if (reaped == kPerTurn) {
    loop_->Post([this] { Reap(); });
  } else if (spectator_.on_all) {
    spectator_.on_all();
  }
  for (const auto& [pid, status] : known) {
    const auto found =
        std::find_if(children_.begin(), children_.end(),
                     [p = pid](const Child& c) { return c.pid == p; });
    // Forgotten by the callback of another one.
    if (found == children_.end()) continue;
    OnExit on_exit = std::move(found->on_exit);
    children_.erase(found);
    on_exit(status);
  }
  for (const auto& [pid, status] : orphans) TellOrphans(pid, status);
  if (reaped > 0 && on_reaped_) on_reaped_();
}

}  // namespace reinit
