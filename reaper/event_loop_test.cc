#include "reaper/event_loop.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/clock.h"
#include "reaper/fake_clock.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

void MakeReadable(const Pipe& pipe) {
  ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
}

void Drain(const Pipe& pipe) {
  char byte;
  ASSERT_EQ(::read(pipe.read.get(), &byte, 1), 1);
}

class EventLoopTest : public LeakCheck {
 protected:
  EventLoopTest() : loop_(*EventLoop::Create(&clock_)) {}
  ~EventLoopTest() override {
    EXPECT_EQ(loop_->active_watches(), 0u);
    EXPECT_EQ(loop_->armed_timers(), 0u);
  }

  EventLoop::FdWatch Watch(
      const Pipe& pipe, EventLoop::Callback callback,
      EventLoop::Order order = EventLoop::Order::kDescriptors) {
    auto watch =
        loop_->WatchReadable(pipe.read.get(), std::move(callback), order);
    EXPECT_TRUE(watch.ok()) << watch.status();
    return watch.ok() ? *std::move(watch) : EventLoop::FdWatch();
  }
  EventLoop::Callback Says(std::string what) {
    return [this, what = std::move(what)] { said_.push_back(what); };
  }
  void Turn() { loop_->Turn(/*may_wait=*/false); }

  FakeClock clock_;
  const std::unique_ptr<EventLoop> loop_;
  std::vector<std::string> said_;
};

TEST_F(EventLoopTest, OrderWithinATurn) {
  Pipe ordinary, signals;
  loop_->Post(Says("posted"));
  const auto first = Watch(ordinary, Says("descriptor"));
  EventLoop::Timer timer(loop_.get(), Says("timer"));
  timer.ArmAfter(absl::ZeroDuration());
  const auto last = Watch(signals, Says("signal"), EventLoop::Order::kSignals);
  MakeReadable(ordinary);
  MakeReadable(signals);
  Turn();
  EXPECT_THAT(said_, ElementsAre("signal", "timer", "descriptor", "posted"));
}

TEST_F(EventLoopTest, OneCallbackComesBeforeAllElseInEachTurn) {
  const Pipe pipe;
  const auto watch = Watch(pipe, Says("signal"), EventLoop::Order::kSignals);
  loop_->set_before_events(Says("before"));
  MakeReadable(pipe);
  Turn();
  Drain(pipe);
  Turn();
  EXPECT_THAT(said_, ElementsAre("before", "signal", "before"));
}

TEST_F(EventLoopTest, ADescriptorCallsBackWhileItIsReadable) {
  Pipe pipe;
  const auto watch = Watch(pipe, Says("readable"));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  MakeReadable(pipe);
  Turn();
  Turn();
  EXPECT_EQ(said_.size(), 2u);
  Drain(pipe);
  Turn();
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(EventLoopTest, AHangUpCallsBack) {
  Pipe pipe;
  const auto watch = Watch(pipe, Says("hang-up"));
  pipe.write.reset();
  Turn();
  EXPECT_THAT(said_, ElementsAre("hang-up"));
}

TEST_F(EventLoopTest, ACallbackMayCancelItsOwnWatch) {
  Pipe pipe;
  EventLoop::FdWatch watch;
  // What it captured must outlive it: this is what the sanitizer looks at.
  watch = Watch(pipe, [&, text = std::string(100, 'x')] {
    watch.Cancel();
    said_.push_back(text);
  });
  MakeReadable(pipe);
  Turn();
  Turn();
  EXPECT_THAT(said_, ElementsAre(std::string(100, 'x')));
  EXPECT_FALSE(watch.active());
}

TEST_F(EventLoopTest, ACallbackMayCancelAnotherOfTheSameBatch) {
  Pipe pipes[2];
  EventLoop::FdWatch watches[2];
  for (int i = 0; i < 2; ++i) {
    watches[i] = Watch(pipes[i], [&, i] {
      watches[1 - i].Cancel();
      said_.push_back("called");
    });
    MakeReadable(pipes[i]);
  }
  Turn();
  EXPECT_THAT(said_, ElementsAre("called"));
}

TEST_F(EventLoopTest, ASignalMayCancelWhatIsReadableInTheSameTurn) {
  Pipe pipe, signals;
  auto watch = Watch(pipe, Says("descriptor"));
  EventLoop::Timer timer(loop_.get(), Says("timer"));
  timer.ArmAfter(absl::ZeroDuration());
  const auto source = Watch(
      signals,
      [&] {
        watch.Cancel();
        timer.Cancel();
      },
      EventLoop::Order::kSignals);
  MakeReadable(pipe);
  MakeReadable(signals);
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, ATimerMayCancelWhatIsReadableInTheSameTurn) {
  Pipe pipe;
  auto watch = Watch(pipe, Says("descriptor"));
  EventLoop::Timer timer(loop_.get(), [&] { watch.Cancel(); });
  timer.ArmAfter(absl::ZeroDuration());
  MakeReadable(pipe);
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, ANewWatchInAReusedSlotDoesNotGetTheOldEvent) {
  for (const auto order :
       {EventLoop::Order::kDescriptors, EventLoop::Order::kSignals}) {
    Pipe pipes[2], quiet;
    EventLoop::FdWatch watches[2], fresh;
    for (int i = 0; i < 2; ++i) {
      watches[i] = Watch(pipes[i], [&, i] {
        watches[1 - i].Cancel();
        fresh = Watch(quiet, Says("wrong"), order);
      });
      MakeReadable(pipes[i]);
    }
    Turn();
    EXPECT_THAT(said_, IsEmpty());
    EXPECT_TRUE(fresh.active());
    EXPECT_EQ(loop_->active_watches(), 2u);
  }
}

TEST_F(EventLoopTest, AManyTimesReusedSlotStillWorks) {
  Pipe pipe;
  for (int i = 0; i < 1000; ++i) {
    const auto watch = Watch(pipe, Says("readable"));
    EXPECT_EQ(loop_->active_watches(), 1u);
  }
  const auto watch = Watch(pipe, Says("readable"));
  MakeReadable(pipe);
  Turn();
  EXPECT_THAT(said_, ElementsAre("readable"));
}

TEST_F(EventLoopTest, ACallbackMayAddManyWatches) {
  Pipe pipe;
  std::vector<Pipe> more(100);
  std::vector<EventLoop::FdWatch> watches;
  auto watch = Watch(pipe, [&, text = std::string("added")] {
    for (const Pipe& each : more) watches.push_back(Watch(each, Says("new")));
    said_.push_back(text);
  });
  MakeReadable(pipe);
  Turn();
  EXPECT_THAT(said_, ElementsAre("added"));
}

TEST_F(EventLoopTest, MoreEventsThanOneTurnTakes) {
  std::vector<Pipe> pipes(200);
  std::vector<EventLoop::FdWatch> watches;
  std::vector<int> calls(pipes.size());
  for (size_t i = 0; i < pipes.size(); ++i) {
    watches.push_back(Watch(pipes[i], [&calls, i] { ++calls[i]; }));
    MakeReadable(pipes[i]);
  }
  for (int turn = 0; turn < 4; ++turn) Turn();
  // Nobody drains, and nobody starves.
  EXPECT_THAT(calls, testing::Each(testing::Ge(1)));
}

TEST_F(EventLoopTest, AWatchMoves) {
  Pipe one, two;
  EventLoop::FdWatch first = Watch(one, Says("one"));
  EventLoop::FdWatch moved(std::move(first));
  EXPECT_TRUE(moved.active());
  EventLoop::FdWatch second = Watch(two, Says("two"));
  EXPECT_EQ(loop_->active_watches(), 2u);
  moved = std::move(second);
  EXPECT_EQ(loop_->active_watches(), 1u);
  MakeReadable(one);
  MakeReadable(two);
  Turn();
  EXPECT_THAT(said_, ElementsAre("two"));
}

TEST_F(EventLoopTest, WhatCannotBeWatchedIsAnError) {
  Pipe pipe;
  const auto watch = Watch(pipe, Says("fine"));
  EXPECT_FALSE(loop_->WatchReadable(pipe.read.get(), Says("twice")).ok());
  EXPECT_FALSE(loop_->WatchReadable(-1, Says("no descriptor")).ok());
  const UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(loop_->WatchReadable(self.get(), Says("a file")).ok());
  EXPECT_EQ(loop_->active_watches(), 1u);
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, ATimerFiresAtItsDeadlineAndNotBefore) {
  EventLoop::Timer timer(loop_.get(), Says("fired"));
  timer.ArmAfter(absl::Seconds(1));
  EXPECT_EQ(loop_->NextDeadline(), clock_.Now() + absl::Seconds(1));
  clock_.Advance(absl::Seconds(1) - absl::Nanoseconds(1));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  clock_.Advance(absl::Nanoseconds(1));
  Turn();
  EXPECT_THAT(said_, ElementsAre("fired"));
  EXPECT_FALSE(timer.armed());
  clock_.Advance(absl::Hours(1));
  Turn();
  EXPECT_EQ(said_.size(), 1u);
  EXPECT_EQ(loop_->NextDeadline(), absl::InfiniteFuture());
}

TEST_F(EventLoopTest, TimersFireInTheOrderOfTheirDeadlines) {
  EventLoop::Timer third(loop_.get(), Says("3 s"));
  EventLoop::Timer first(loop_.get(), Says("1 s"));
  EventLoop::Timer second(loop_.get(), Says("2 s"));
  third.ArmAfter(absl::Seconds(3));
  first.ArmAfter(absl::Seconds(1));
  second.ArmAfter(absl::Seconds(2));
  EXPECT_EQ(loop_->armed_timers(), 3u);
  EXPECT_EQ(loop_->NextDeadline(), first.deadline());
  clock_.Advance(absl::Hours(1));
  Turn();
  EXPECT_THAT(said_, ElementsAre("1 s", "2 s", "3 s"));
}

TEST_F(EventLoopTest, ATimerIsMovedAndTakenBack) {
  EventLoop::Timer timer(loop_.get(), Says("fired"));
  timer.ArmAfter(absl::Seconds(1));
  timer.ArmAfter(absl::Seconds(5));
  EXPECT_EQ(loop_->armed_timers(), 1u);
  clock_.Advance(absl::Seconds(2));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  timer.Cancel();
  timer.Cancel();
  clock_.Advance(absl::Seconds(5));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, AnInfiniteDelayNeverFires) {
  EventLoop::Timer timer(loop_.get(), Says("fired"));
  timer.ArmAfter(absl::Seconds(1));
  timer.ArmAfter(absl::InfiniteDuration());
  EXPECT_FALSE(timer.armed());
  clock_.Advance(absl::Hours(1000000));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, ADeadlineThatHasPassedIsDueAtOnce) {
  EventLoop::Timer past(loop_.get(), Says("past"));
  past.ArmAfter(-absl::Hours(1));
  EventLoop::Timer ever(loop_.get(), Says("ever"));
  ever.ArmAt(absl::InfinitePast());
  loop_->Turn(/*may_wait=*/true);
  EXPECT_THAT(said_, ElementsAre("ever", "past"));
}

TEST_F(EventLoopTest, ATimerArmedForNowInItsCallbackWaitsATurn) {
  std::optional<EventLoop::Timer> timer;
  timer.emplace(loop_.get(), [&] {
    said_.emplace_back("tick");
    timer->ArmAfter(absl::ZeroDuration());
  });
  timer->ArmAfter(absl::ZeroDuration());
  for (size_t turn = 1; turn <= 3; ++turn) {
    loop_->Turn(/*may_wait=*/true);
    EXPECT_EQ(said_.size(), turn);
  }
}

TEST_F(EventLoopTest, ATimerArmedForNowByASignalWaitsATurn) {
  Pipe signals;
  EventLoop::Timer timer(loop_.get(), Says("timer"));
  const auto watch = Watch(
      signals,
      [&] {
        Drain(signals);
        timer.ArmAfter(absl::ZeroDuration());
      },
      EventLoop::Order::kSignals);
  MakeReadable(signals);
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  Turn();
  EXPECT_THAT(said_, ElementsAre("timer"));
}

TEST_F(EventLoopTest, ATimerMayEndAnotherThatIsDueToo) {
  auto victim = std::make_unique<EventLoop::Timer>(loop_.get(), Says("late"));
  EventLoop::Timer timer(loop_.get(), [&] { victim.reset(); });
  timer.ArmAfter(absl::Seconds(1));
  victim->ArmAfter(absl::Seconds(2));
  clock_.Advance(absl::Seconds(3));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, ATimerEndsWithItsOwner) {
  {
    EventLoop::Timer timer(loop_.get(), Says("fired"));
    timer.ArmAfter(absl::ZeroDuration());
  }
  EXPECT_EQ(loop_->armed_timers(), 0u);
  Turn();
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopTest, PostedWorkRunsInOrderAtTheEndOfTheTurn) {
  Pipe pipe;
  const auto watch = Watch(pipe, [&] {
    Drain(pipe);
    loop_->Post(Says("posted first"));
    loop_->Post([this] {
      said_.emplace_back("posted second");
      loop_->Post(Says("posted by posted"));
    });
    said_.emplace_back("descriptor");
  });
  MakeReadable(pipe);
  Turn();
  EXPECT_THAT(said_,
              ElementsAre("descriptor", "posted first", "posted second"));
  // It is waiting work, so a turn that may wait does not.
  loop_->Turn(/*may_wait=*/true);
  EXPECT_EQ(said_.back(), "posted by posted");
}

TEST_F(EventLoopTest, PostedWorkThatPostsItselfDoesNotStarveTheRest) {
  Pipe pipe;
  const auto watch = Watch(pipe, Says("descriptor"));
  struct Again {
    EventLoop* loop;
    void operator()() const { loop->Post(Again{loop}); }
  };
  loop_->Post(Again{loop_.get()});
  MakeReadable(pipe);
  loop_->Turn(/*may_wait=*/true);
  loop_->Turn(/*may_wait=*/true);
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(EventLoopTest, WaitsForATimerInRealTime) {
  const MonotonicClock clock;
  const auto loop = *EventLoop::Create(&clock);
  EventLoop::Timer timer(loop.get(), Says("fired"));
  const absl::Time deadline = clock.Now() + absl::Milliseconds(20);
  timer.ArmAt(deadline);
  int turns = 0;
  for (; said_.empty() && turns < 1000; ++turns) loop->Turn();
  EXPECT_THAT(said_, ElementsAre("fired"));
  EXPECT_GE(clock.Now(), deadline);
  // It sleeps until then; a rounding down would turn many times at the end.
  EXPECT_LE(turns, 2);
}

TEST_F(EventLoopTest, SleepsUntilADescriptorIsReadable) {
  Pipe pipe, started;
  const auto watch = Watch(pipe, [&] {
    Drain(pipe);
    said_.emplace_back("readable");
  });
  const pid_t child = Fork([&] {
    char byte;
    return ::read(started.read.get(), &byte, 1) == 1 &&
                   ::write(pipe.write.get(), "x", 1) == 1
               ? 0
               : 1;
  });
  MakeReadable(started);
  loop_->Turn();
  EXPECT_THAT(said_, ElementsAre("readable"));
  EXPECT_EQ(WaitStatus(child), 0);
}

TEST_F(EventLoopTest, AFreezeDoesNotCountWhereOthersAreJudged) {
  EventLoop::Timer ours(loop_.get(), Says("ours"));
  EventLoop::Timer theirs(loop_.get(), Says("theirs"),
                          EventLoop::Frozen::kDoesNotCount);
  ours.ArmAfter(absl::Seconds(1));
  theirs.ArmAfter(absl::Seconds(2));
  Turn();
  clock_.Advance(absl::Seconds(10));
  Turn();
  EXPECT_THAT(said_, ElementsAre("ours"));
  clock_.Advance(absl::Milliseconds(1999));
  Turn();
  EXPECT_EQ(said_.size(), 1u);
  clock_.Advance(absl::Milliseconds(1));
  Turn();
  EXPECT_THAT(said_, ElementsAre("ours", "theirs"));
}

TEST_F(EventLoopTest, WhatWasLeftBeforeAFreezeIsLeftAfterIt) {
  EventLoop::Timer theirs(loop_.get(), Says("theirs"),
                          EventLoop::Frozen::kDoesNotCount);
  theirs.ArmAfter(absl::Seconds(10));
  Turn();
  clock_.Advance(absl::Seconds(9));
  loop_->Post([] {});  // something goes on
  Turn();
  clock_.Advance(absl::Hours(1));
  Turn();
  clock_.Advance(absl::Milliseconds(999));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  clock_.Advance(absl::Milliseconds(1));
  Turn();
  EXPECT_THAT(said_, ElementsAre("theirs"));
}

TEST_F(EventLoopTest, ASecondFreezeOfOneSpanCounts) {
  EventLoop::Timer theirs(loop_.get(), Says("theirs"),
                          EventLoop::Frozen::kDoesNotCount);
  theirs.ArmAfter(absl::Seconds(1));
  Turn();
  clock_.Advance(absl::Seconds(10));
  Turn();
  EXPECT_THAT(said_, IsEmpty());
  clock_.Advance(absl::Seconds(10));
  Turn();
  EXPECT_THAT(said_, ElementsAre("theirs"));
  // Armed anew, it is another span.
  theirs.ArmAfter(absl::Seconds(1));
  Turn();
  clock_.Advance(absl::Seconds(10));
  Turn();
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(EventLoopTest, BusyIsNotFrozen) {
  EventLoop::Timer theirs(loop_.get(), Says("theirs"),
                          EventLoop::Frozen::kDoesNotCount);
  theirs.ArmAfter(absl::Seconds(1));
  Turn();
  clock_.Advance(absl::Milliseconds(1500));
  Turn();
  EXPECT_THAT(said_, ElementsAre("theirs"));
}

TEST_F(EventLoopTest, WhatIsArmedAtTheThawHasNotBeenFrozen) {
  Pipe signals;
  EventLoop::Timer ours(loop_.get(), [] {});
  EventLoop::Timer theirs(loop_.get(), Says("theirs"),
                          EventLoop::Frozen::kDoesNotCount);
  const auto watch = Watch(
      signals,
      [&] {
        theirs.ArmAfter(absl::Seconds(1));
        Drain(signals);
      },
      EventLoop::Order::kSignals);
  ours.ArmAfter(absl::Seconds(1));
  Turn();
  clock_.Advance(absl::Seconds(10));
  MakeReadable(signals);
  Turn();
  clock_.Advance(absl::Seconds(1));
  Turn();
  EXPECT_THAT(said_, ElementsAre("theirs"));
}

// A wait of a descriptor's own replaces epoll's while it is alone.
class EventLoopAloneTest : public EventLoopTest {
 protected:
  EventLoopAloneTest()
      : watch_(*loop_->WatchReadable(pipe_.read.get(), Says("read"),
                                     EventLoop::Order::kSignals, [this] {
                                       ++waits_;
                                       errno = error_;
                                       return error_ == 0;
                                     })) {}
  ~EventLoopAloneTest() override { watch_.Cancel(); }

  const Pipe pipe_;
  int waits_ = 0;
  int error_ = 0;
  EventLoop::FdWatch watch_;
};

TEST_F(EventLoopAloneTest, WaitsAndIsCalled) {
  loop_->Turn();
  loop_->Turn();
  EXPECT_EQ(waits_, 2);
  EXPECT_THAT(said_, ElementsAre("read", "read"));
}

TEST_F(EventLoopAloneTest, NotInATurnThatMayNotWait) {
  Turn();
  EXPECT_EQ(waits_, 0);
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(EventLoopAloneTest, NotWithAnotherWatch) {
  const Pipe other;
  MakeReadable(other);
  const auto watch = Watch(other, Says("other"));
  loop_->Turn();
  EXPECT_EQ(waits_, 0);
  EXPECT_THAT(said_, ElementsAre("other"));
}

TEST_F(EventLoopAloneTest, NotWithATimer) {
  EventLoop::Timer timer(loop_.get(), Says("timer"));
  timer.ArmAt(clock_.Now());
  loop_->Turn();
  EXPECT_EQ(waits_, 0);
  EXPECT_THAT(said_, ElementsAre("timer"));
}

TEST_F(EventLoopAloneTest, NotWithPostedWork) {
  loop_->Post(Says("posted"));
  loop_->Turn();
  EXPECT_EQ(waits_, 0);
  EXPECT_THAT(said_, ElementsAre("posted"));
}

TEST_F(EventLoopAloneTest, IsUsedAgainAfterAnInterruption) {
  error_ = EINTR;
  loop_->Turn();
  error_ = 0;
  loop_->Turn();
  EXPECT_EQ(waits_, 2);
  EXPECT_THAT(said_, ElementsAre("read"));
}

TEST_F(EventLoopAloneTest, IsNotUsedAgainAfterAnError) {
  error_ = EPERM;
  loop_->Turn();
  error_ = 0;
  MakeReadable(pipe_);
  loop_->Turn();
  EXPECT_EQ(waits_, 1);
  EXPECT_THAT(said_, ElementsAre("read"));
}

// One that is over before anything was due shows by the wait that it ended.
TEST(EventLoopFreezeTest, AShortStopIsNoticed) {
  Pipe ready;
  const pid_t child = Fork([&ready] {
    const MonotonicClock clock;
    const auto loop = *EventLoop::Create(&clock);
    int first = 0;
    EventLoop::Timer theirs(
        loop.get(), [&first] { first = first == 0 ? 1 : first; },
        EventLoop::Frozen::kDoesNotCount);
    EventLoop::Timer ours(loop.get(),
                          [&first] { first = first == 0 ? 2 : first; });
    theirs.ArmAfter(absl::Milliseconds(2900));
    ours.ArmAfter(absl::Milliseconds(3000));
    if (::write(ready.write.get(), "x", 1) != 1) return 9;
    while (first == 0) loop->Turn();
    return first;
  });
  Drain(ready);
  // It is the wait that is to be interrupted, which is where it sleeps.
  const std::string status = "/proc/" + std::to_string(child) + "/status";
  while (StatusField(ReadFile(status), "State").substr(0, 1) != "S") {
    ::sched_yield();
  }
  ASSERT_EQ(::kill(child, SIGSTOP), 0);
  ASSERT_EQ(::waitpid(child, nullptr, WUNTRACED), child);
  // Longer than busy, but over long before the timers.
  absl::SleepFor(absl::Seconds(1));
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  const int ended = WaitStatus(child);
  EXPECT_TRUE(WIFEXITED(ended));
  EXPECT_EQ(WEXITSTATUS(ended), 2);
}

// As a file of /proc or of a cgroup announces a change.
TEST(EventLoopUrgentTest, IsCalledForAnExceptionalConditionAlone) {
  MonotonicClock clock;
  const auto loop = *EventLoop::Create(&clock);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  int calls = 0;
  auto watch = loop->WatchUrgent(reader.get(), [&calls] { ++calls; });
  ASSERT_TRUE(watch.ok());
  ASSERT_EQ(::send(writer.get(), "x", 1, 0), 1);
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(calls, 0);
  ASSERT_EQ(::send(writer.get(), "!", 1, MSG_OOB), 1);
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(calls, 1);
  watch->Cancel();
  loop->Turn(/*may_wait=*/false);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace reinit
