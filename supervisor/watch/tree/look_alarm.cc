#include "supervisor/watch/tree/look_alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace reinit {

LookAlarm::LookAlarm(absl::Duration patience, Say say)
    : patience_(patience),
      say_(std::move(say)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  started_ = timer_.valid() &&
             ::pthread_create(&thread_, nullptr, RunThread, this) == 0;
}

LookAlarm::~LookAlarm() {
  if (!started_) return;
  stop_ = true;
  Arm(absl::Nanoseconds(1));
  ::pthread_join(thread_, nullptr);
}

void LookAlarm::Begin() {
  if (!started_) return;
  Step("");
  Arm(patience_);
}

bool LookAlarm::End() {
  if (!started_) return false;
  Step();  // so that no hang is seen from here on
  Arm(absl::ZeroDuration());
  return said_.exchange(false);
}

// Zero: not at all.
void LookAlarm::Arm(absl::Duration first) {
  itimerspec spec = {};
  spec.it_value = absl::ToTimespec(first);
  if (first > absl::ZeroDuration()) {
    spec.it_interval = absl::ToTimespec(patience_);
  }
  ::timerfd_settime(timer_.get(), 0, &spec, nullptr);
}

void* LookAlarm::RunThread(void* self) {
  static_cast<LookAlarm*>(self)->Listen();
  return nullptr;
}

void LookAlarm::Listen() {
  uint64_t seen = 0;  // there is always a step before the timer is armed
  for (;;) {
    uint64_t expired;
    const ssize_t got = ::read(timer_.get(), &expired, sizeof(expired));
    if (stop_ || (got < 0 && errno != EINTR)) return;
    const uint64_t steps = steps_.load(std::memory_order_acquire);
    const char* const path = path_.load(std::memory_order_relaxed);
    if (steps == seen && steps_ == steps && !said_.exchange(true)) say_(path);
    seen = steps;
  }
}

}  // namespace reinit
