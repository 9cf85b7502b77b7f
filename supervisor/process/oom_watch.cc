#include "supervisor/process/oom_watch.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace reinit {

void OomWatch::Start() {
  if (at_start_.has_value()) return;
  at_start_ = context_.os->OomKills();
  if (!at_start_.has_value()) return;
  told_ = before_last_ = *at_start_;
  file_ = context_.os->OpenOomEvents();
  if (file_.valid()) WatchAgain();
}

// Without a watch (a file that epoll does not take) it is as with cgroup v1.
void OomWatch::WatchAgain() {
  // The kernel announces what comes after the last read of this descriptor.
  char counters[4096];
  [[maybe_unused]] const ssize_t got =
      ::pread(file_.get(), counters, sizeof(counters), 0);
  auto watch =
      context_.loop->WatchUrgent(file_.get(), [this] { OnAnnounced(); });
  if (watch.ok()) watch_ = *std::move(watch);
}

// By the time of the look a main process that was killed has been reaped, and
// is not taken for one of its workers.
void OomWatch::OnAnnounced() {
  watch_.Cancel();
  rest_.ArmAfter(kRest);
}

void OomWatch::Look() {
  if (!at_start_.has_value()) return;
  if (file_.valid() && !watch_.active() && !rest_.armed()) WatchAgain();
  const int64_t now = context_.os->OomKills().value_or(told_);
  const int64_t more = now - told_;
  if (more <= 0) return;
  before_last_ = std::exchange(told_, now);
  last_ = context_.loop->Now();
  context_.log->Event(
      LogLevel::kWarning, "oom_kill",
      absl::StrCat("out of memory: the kernel has killed ", more,
                   more == 1 ? " process" : " processes",
                   " below the main process, ", count(),
                   " since the start: raise the memory limit of the container, "
                   "or run fewer workers"),
      {{"kills", more}, {"total", static_cast<int64_t>(count())}});
}

uint64_t OomWatch::count() const {
  return static_cast<uint64_t>(told_ - at_start_.value_or(told_));
}

std::optional<int64_t> OomWatch::CountBefore(absl::Duration ago) const {
  if (!at_start_.has_value()) return std::nullopt;
  return context_.loop->Now() - last_ >= ago ? told_ : before_last_;
}

}  // namespace reinit
