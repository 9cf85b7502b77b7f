// Runs the one loop of the one thread.
#ifndef REINIT_REAPER_EVENT_LOOP_H_
#define REINIT_REAPER_EVENT_LOOP_H_

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "reaper/unique_fd.h"

namespace reinit {

// epoll over descriptors, with timers and posted work. Not thread-safe; every
// callback runs on the thread that calls Turn. Order in a turn: signals (and
// with them exits), timers, other descriptors, posted work. With nothing to do
// it sleeps without a timeout, in epoll_wait or in the wait of a descriptor
// that is alone (WatchReadable): no wake-up at idle.
//
// Watches and timers are owned by who wants them and end with their owner, at
// any time, from any callback; the loop must outlive them.
class EventLoop {
 public:
  using Callback = absl::AnyInvocable<void()>;

  // `clock` is borrowed for the life of the loop. Fails only where epoll does.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(const Clock* clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls back while a descriptor is readable (level-triggered), or broken.
  class FdWatch {
   public:
    FdWatch() = default;
    FdWatch(FdWatch&& other) noexcept;
    FdWatch& operator=(FdWatch&& other) noexcept;
    ~FdWatch() { Cancel(); }
    void Cancel();
    bool active() const { return loop_ != nullptr; }

   private:
    friend class EventLoop;
    EventLoop* loop_ = nullptr;
    uint32_t slot_ = 0;
  };

  enum class Order { kSignals, kDescriptors };

  // Blocks until the descriptor is readable, or until what would make it
  // readable has been taken. False, with errno set, if it cannot wait; EINTR if
  // it was interrupted. The callback runs afterwards, in the loop's order.
  using WaitFn = absl::AnyInvocable<bool()>;

  // `fd` is borrowed and must stay open until the watch is gone. `wait`, if
  // given, replaces epoll_wait in a turn that has nothing else to wait for: no
  // other watch, no timer, no posted work. It saves one system call for each
  // event. After an error other than EINTR it is not used again.
  absl::StatusOr<FdWatch> WatchReadable(int fd, Callback callback,
                                        Order order = Order::kDescriptors,
                                        WaitFn wait = nullptr);
  // The same, but while there is an exceptional condition (EPOLLPRI).
  absl::StatusOr<FdWatch> WatchUrgent(int fd, Callback callback);

  // Whether time in which nobody could run (`docker pause`, a checkpoint,
  // SIGSTOP of all) is part of a timer's span. Where others are judged by the
  // deadline it is not: see NoteFreeze.
  enum class Frozen { kCounts, kDoesNotCount };

  // A deadline that can be set, moved and taken back. Its callback may arm it
  // again but must not destroy it.
  class Timer {
   public:
    Timer(EventLoop* loop, Callback callback, Frozen frozen = Frozen::kCounts);
    ~Timer() { Cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void ArmAt(absl::Time deadline);
    void ArmAfter(absl::Duration delay);  // infinite: never fires
    void Cancel();
    bool armed() const { return armed_; }
    absl::Time deadline() const { return deadline_; }

   private:
    friend class EventLoop;
    EventLoop* const loop_;
    Callback callback_;
    const Frozen frozen_;
    absl::Time deadline_;
    uint64_t armed_in_turn_ = 0;
    bool armed_ = false;
    bool moved_ = false;  // by a freeze
  };

  // Runs `work` at the end of this turn, or of the next one.
  void Post(Callback work) { posted_.push_back(std::move(work)); }

  // `callback` runs in each turn after the wait, before everything else.
  void set_before_events(Callback callback) {
    before_events_ = std::move(callback);
  }

  // One turn: waits for the first event if nothing is due, then handles what
  // there is. With `may_wait` false it never waits.
  void Turn(bool may_wait = true);

  absl::Time Now() const { return clock_->Now(); }
  // InfiniteFuture when no timer is armed.
  absl::Time NextDeadline() const;

  // For tests: what still holds on to the loop.
  size_t active_watches() const;
  size_t armed_timers() const { return timers_.size(); }

 private:
  struct Slot {
    uint32_t generation = 0;
    int fd = -1;  // -1: free
    Order order = Order::kDescriptors;
    // Shared so that a callback may cancel its own watch while it runs.
    std::shared_ptr<Callback> callback;
    WaitFn wait;
  };

  EventLoop(const Clock* clock, UniqueFd epoll);
  absl::StatusOr<FdWatch> Watch(int fd, uint32_t events, Callback callback,
                                Order order);
  int WaitMillis(bool may_wait) const;
  Slot* Alone();
  int Wait(epoll_event* events, bool may_wait);
  void NoteFreeze(bool interrupted);
  void RunDueTimers();
  void RunPosted();
  bool IsSignal(uint64_t key) const;
  void Dispatch(uint64_t key);

  const Clock* const clock_;
  const UniqueFd epoll_;
  std::vector<Slot> slots_;
  // Armed ones only. A dozen at most, so a scan beats a heap.
  std::vector<Timer*> timers_;
  std::vector<Callback> posted_;
  Callback before_events_ = [] {};
  uint64_t turn_ = 1;
  absl::Time looked_;  // when the last wait ended
};

}  // namespace reinit

#endif  // REINIT_REAPER_EVENT_LOOP_H_
