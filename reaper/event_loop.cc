#include "reaper/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr int kEventsPerTurn = 64;

// A loop that is merely busy is late by much less.
constexpr absl::Duration kFreeze = absl::Milliseconds(500);

uint64_t Key(uint32_t slot, uint32_t generation) {
  return uint64_t{generation} << 32 | slot;
}

}  // namespace

EventLoop::FdWatch::FdWatch(FdWatch&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)), slot_(other.slot_) {}

EventLoop::FdWatch& EventLoop::FdWatch::operator=(FdWatch&& other) noexcept {
  if (this != &other) {
    Cancel();
    loop_ = std::exchange(other.loop_, nullptr);
    slot_ = other.slot_;
  }
  return *this;
}

void EventLoop::FdWatch::Cancel() {
  EventLoop* loop = std::exchange(loop_, nullptr);
  if (loop == nullptr) return;
  Slot& slot = loop->slots_[slot_];
  ::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_DEL, slot.fd, nullptr);
  slot.fd = -1;
  ++slot.generation;
  slot.callback.reset();
  slot.wait = nullptr;
}

EventLoop::Timer::Timer(EventLoop* loop, Callback callback, Frozen frozen)
    : loop_(loop), callback_(std::move(callback)), frozen_(frozen) {}

void EventLoop::Timer::ArmAt(absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) {
    Cancel();
    return;
  }
  deadline_ = deadline;
  moved_ = false;
  armed_in_turn_ = loop_->turn_;
  if (!armed_) loop_->timers_.push_back(this);
  armed_ = true;
}

void EventLoop::Timer::ArmAfter(absl::Duration delay) {
  ArmAt(loop_->Now() + delay);
}

void EventLoop::Timer::Cancel() {
  if (!armed_) return;
  armed_ = false;
  std::vector<Timer*>& timers = loop_->timers_;
  timers.erase(std::find(timers.begin(), timers.end(), this));
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(
    const Clock* clock) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  return std::unique_ptr<EventLoop>(new EventLoop(clock, std::move(epoll)));
}

EventLoop::EventLoop(const Clock* clock, UniqueFd epoll)
    : clock_(clock), epoll_(std::move(epoll)), looked_(clock->Now()) {}

EventLoop::~EventLoop() = default;

absl::StatusOr<EventLoop::FdWatch> EventLoop::WatchReadable(int fd,
                                                            Callback callback,
                                                            Order order,
                                                            WaitFn wait) {
  auto watch = Watch(fd, EPOLLIN, std::move(callback), order);
  if (watch.ok()) slots_[watch->slot_].wait = std::move(wait);
  return watch;
}

absl::StatusOr<EventLoop::FdWatch> EventLoop::WatchUrgent(int fd,
                                                          Callback callback) {
  return Watch(fd, EPOLLPRI, std::move(callback), Order::kDescriptors);
}

absl::StatusOr<EventLoop::FdWatch> EventLoop::Watch(int fd, uint32_t events,
                                                    Callback callback,
                                                    Order order) {
  uint32_t index = 0;
  while (index < slots_.size() && slots_[index].fd >= 0) ++index;
  if (index == slots_.size()) slots_.emplace_back();
  Slot& slot = slots_[index];
  epoll_event event = {};
  event.events = events;
  event.data.u64 = Key(index, slot.generation);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("epoll_ctl for descriptor ", fd));
  }
  slot.fd = fd;
  slot.order = order;
  slot.callback = std::make_shared<Callback>(std::move(callback));
  FdWatch watch;
  watch.loop_ = this;
  watch.slot_ = index;
  return watch;
}

int EventLoop::WaitMillis(bool may_wait) const {
  if (!may_wait || !posted_.empty()) return 0;
  const absl::Time next = NextDeadline();
  if (next == absl::InfiniteFuture()) return -1;
  // Rounded up: a timer that fires early would turn the loop for nothing.
  const int64_t millis = absl::ToInt64Milliseconds(
      absl::Ceil(next - clock_->Now(), absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(millis, 0, INT_MAX));
}

// The slot that has nothing beside it to wait for, and waits by itself.
EventLoop::Slot* EventLoop::Alone() {
  if (!posted_.empty() || !timers_.empty()) return nullptr;
  Slot* alone = nullptr;
  for (Slot& slot : slots_) {
    if (slot.fd < 0) continue;
    if (alone != nullptr || !slot.wait) return nullptr;
    alone = &slot;
  }
  return alone;
}

// As epoll_wait.
int EventLoop::Wait(epoll_event* events, bool may_wait) {
  Slot* const alone = may_wait ? Alone() : nullptr;
  if (alone == nullptr) {
    return ::epoll_wait(epoll_.get(), events, kEventsPerTurn,
                        WaitMillis(may_wait));
  }
  if (!alone->wait()) {
    const int error = errno;
    if (error != EINTR) alone->wait = nullptr;
    errno = error;
    return -1;
  }
  events[0].data.u64 =
      Key(static_cast<uint32_t>(alone - slots_.data()), alone->generation);
  return 1;
}

void EventLoop::Turn(bool may_wait) {
  epoll_event events[kEventsPerTurn];
  const int found = Wait(events, may_wait);
  NoteFreeze(/*interrupted=*/found < 0 && errno == EINTR);
  ++turn_;
  before_events_();
  // A failed wait is a turn without events.
  for (int i = 0; i < found; ++i) {
    if (IsSignal(events[i].data.u64)) Dispatch(events[i].data.u64);
  }
  RunDueTimers();
  for (int i = 0; i < found; ++i) {
    if (!IsSignal(events[i].data.u64)) Dispatch(events[i].data.u64);
  }
  RunPosted();
}

// Who was stopped, or is far behind what was due, does not know since when: at
// the earliest since the last wait ended. So all of that time does not count,
// and nobody has less than was left to him when the freeze began. But only
// once for each arming: whoever stops PID 1 alone, again and again, must not
// keep a process alive that hangs. All signals are blocked, so that a wait is
// interrupted (EINTR) by being stopped and by the freezer alone.
void EventLoop::NoteFreeze(bool interrupted) {
  const absl::Time now = clock_->Now();
  const absl::Time before = std::exchange(looked_, now);
  const bool late = now - std::max(NextDeadline(), before) > kFreeze;
  if (!late && !(interrupted && now - before > kFreeze)) return;
  for (Timer* timer : timers_) {
    if (timer->frozen_ == Frozen::kCounts || timer->moved_) continue;
    timer->deadline_ += now - before;
    timer->moved_ = true;
  }
}

bool EventLoop::IsSignal(uint64_t key) const {
  return slots_[static_cast<uint32_t>(key)].order == Order::kSignals;
}

void EventLoop::Dispatch(uint64_t key) {
  const Slot& slot = slots_[static_cast<uint32_t>(key)];
  // The watch may have gone, and its slot been taken again, since epoll_wait.
  if (slot.fd < 0 || slot.generation != key >> 32) return;
  const std::shared_ptr<Callback> callback = slot.callback;
  (*callback)();
}

void EventLoop::RunDueTimers() {
  const absl::Time now = clock_->Now();
  // One armed by a callback in this turn waits for the next, so that a timer
  // that arms itself for "now" cannot starve the rest.
  for (;;) {
    Timer* due = nullptr;
    for (Timer* timer : timers_) {
      if (timer->deadline_ > now || timer->armed_in_turn_ >= turn_) continue;
      if (due == nullptr || timer->deadline_ < due->deadline_) due = timer;
    }
    if (due == nullptr) return;
    due->Cancel();
    due->callback_();
  }
}

void EventLoop::RunPosted() {
  std::vector<Callback> work = std::exchange(posted_, {});
  for (Callback& callback : work) callback();
}

absl::Time EventLoop::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Timer* timer : timers_) next = std::min(next, timer->deadline_);
  return next;
}

size_t EventLoop::active_watches() const {
  return std::count_if(slots_.begin(), slots_.end(),
                       [](const Slot& slot) { return slot.fd >= 0; });
}

}  // namespace reinit
