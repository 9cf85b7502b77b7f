#include "reaper/signal_source.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/fake_clock.h"
#include "reaper/leak_check.h"
#include "reaper/self/signal_mask.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using SignalSourceTest = LeakCheck;

// Both ways to wait: for signals alone, and for another descriptor as well.
class SignalsTest : public LeakCheck, public testing::WithParamInterface<bool> {
 protected:
  bool alone() const { return GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(, SignalsTest, testing::Bool(), [](const auto& test) {
  return test.param ? "Alone" : "BesideAnother";
});

constexpr int kChildren = 0;  // in the place of a signal number

// A process that took its signals over, with a source on a loop.
struct Receiver {
  explicit Receiver(bool alone) {
    TakeOverSignals();
    loop = *EventLoop::Create(&clock);
    if (!alone) other = *loop->WatchReadable(silent.read.get(), [] {});
    source = *SignalSource::Create(
        loop.get(),
        [this](const SignalInfo& info) {
          infos.push_back(info);
          order.push_back(info.signo);
        },
        [this] { order.push_back(kChildren); });
  }
  // Turns until the end of a child that runs `send` has been told: everything
  // it sent and its SIGCHLD wait by then.
  void TurnAfter(absl::FunctionRef<void(pid_t)> send) {
    const pid_t self = ::getpid();
    sender = Fork([&] {
      send(self);
      return 0;
    });
    AwaitZombie(sender);
    TurnWhileAnyPends();
    EXPECT_EQ(WaitStatus(sender), 0);
  }

  void TurnWhileAnyPends() {
    sigset_t pending;
    do {
      loop->Turn();
      ASSERT_EQ(::sigpending(&pending), 0);
    } while (!::sigisemptyset(&pending));
  }

  FakeClock clock;
  std::unique_ptr<EventLoop> loop;
  const Pipe silent;
  EventLoop::FdWatch other;
  std::unique_ptr<SignalSource> source;
  std::vector<SignalInfo> infos;
  std::vector<int> order;
  pid_t sender = 0;
};

TEST_F(SignalSourceTest, ARefusedCallIsExplained) {
  for (const int error : {EPERM, ENOSYS}) {
    InChild([&] {
      RefuseCall(SYS_signalfd4, error);
      const FakeClock clock;
      const auto loop = EventLoop::Create(&clock);
      const auto source = SignalSource::Create(
          loop->get(), [](const SignalInfo&) {}, [] {});
      ASSERT_FALSE(source.ok());
      EXPECT_THAT(std::string(source.status().message()),
                  AllOf(HasSubstr("signalfd: "), HasSubstr("seccomp")));
    });
  }
}

TEST_P(SignalsTest, TellsWhoSentWhat) {
  InChild([this] {
    Receiver receiver(alone());
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGHUP); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGHUP, kChildren));
    ASSERT_EQ(receiver.infos.size(), 1u);
    EXPECT_EQ(receiver.infos[0].code, SI_USER);
    EXPECT_EQ(receiver.infos[0].sender, receiver.sender);
    EXPECT_EQ(receiver.infos[0].sender_uid, ::getuid());
  });
}

TEST_P(SignalsTest, EverySignalIsSeenAndChildrenComeLast) {
  InChild([this] {
    std::vector<int> all;
    for (int signo = 1; signo <= 64; ++signo) {
      if (signo != SIGKILL && signo != SIGSTOP && signo != SIGCHLD)
        all.push_back(signo);
    }
    Receiver receiver(alone());
    receiver.TurnAfter([&](pid_t self) {
      // Stop signals and SIGCONT drop each other while they wait.
      for (const int signo : all) {
        if (signo != SIGCONT) ::kill(self, signo);
      }
    });
    all.erase(std::find(all.begin(), all.end(), SIGCONT));
    ASSERT_EQ(receiver.order.size(), all.size() + 1);
    EXPECT_EQ(receiver.order.back(), kChildren);
    receiver.order.pop_back();
    // The kernel's order: faults first, else by number. 32 and 33 are in it.
    std::sort(receiver.order.begin(), receiver.order.end());
    EXPECT_EQ(receiver.order, all);

    receiver.order.clear();
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGCONT); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGCONT, kChildren));
  });
}

TEST_P(SignalsTest, RealTimeSignalsKeepCountOrderAndPayload) {
  InChild([this] {
    constexpr int kCount = 500;
    Receiver receiver(alone());
    receiver.TurnAfter([](pid_t self) {
      for (int i = 0; i < kCount; ++i) {
        sigval value = {};
        // NOLINTNEXTLINE(performance-no-int-to-ptr): all 64 bits
        value.sival_ptr = reinterpret_cast<void*>(0x1234'5678'0000 + i);
        ASSERT_EQ(::sigqueue(self, SIGRTMIN + 1, value), 0);
      }
    });
    ASSERT_EQ(receiver.infos.size(), size_t{kCount});
    for (int i = 0; i < kCount; ++i) {
      const SignalInfo& info = receiver.infos[i];
      EXPECT_EQ(info.signo, SIGRTMIN + 1);
      EXPECT_EQ(info.code, SI_QUEUE);
      EXPECT_EQ(info.value, 0x1234'5678'0000u + i);
      EXPECT_EQ(info.sender, receiver.sender);
    }
    EXPECT_EQ(receiver.order.back(), kChildren);
  });
}

TEST_P(SignalsTest, OurOwnBrokenPipeIsDroppedAndNothingElse) {
  InChild([this] {
    Receiver receiver(alone());
    ::kill(::getpid(), SIGUSR1);
    ::raise(SIGUSR2);
    Pipe broken;
    broken.read.reset();
    EXPECT_EQ(::write(broken.write.get(), "x", 1), -1);  // SIGPIPE
    receiver.TurnWhileAnyPends();
    // As the death of a parent is told that was missed (FileUser).
    EXPECT_THAT(receiver.order, UnorderedElementsAre(SIGUSR1, SIGUSR2));
    receiver.order.clear();
    // It is gone, not waiting.
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGPIPE); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGPIPE, kChildren));
  });
}

TEST_P(SignalsTest, OurOwnFileThatIsTooLargeIsDropped) {
  InChild([this] {
    Receiver receiver(alone());
    const UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
    const rlimit none = {0, RLIM_INFINITY};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    EXPECT_EQ(::write(file.get(), "x", 1), -1);  // SIGXFSZ
    EXPECT_EQ(errno, EFBIG);
    receiver.TurnWhileAnyPends();
    EXPECT_THAT(receiver.order, IsEmpty());
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGXFSZ); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGXFSZ, kChildren));
  });
}

TEST_P(SignalsTest, ManyChildrenAreToldOnce) {
  InChild([this] {
    Receiver receiver(alone());
    pid_t pids[5];
    for (pid_t& pid : pids) pid = Fork([] { return 0; });
    for (const pid_t pid : pids) AwaitZombie(pid);
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGTERM); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGTERM, kChildren));
    for (const pid_t pid : pids) EXPECT_EQ(WaitStatus(pid), 0);
  });
}

TEST_P(SignalsTest, ASigchldThatSomebodySentIsNoSignalEither) {
  InChild([this] {
    Receiver receiver(alone());
    ::kill(::getpid(), SIGCHLD);
    receiver.TurnWhileAnyPends();
    EXPECT_THAT(receiver.order, ElementsAre(kChildren));
  });
}

TEST_P(SignalsTest, ComesBeforeDescriptors) {
  InChild([this] {
    Receiver receiver(alone());
    Pipe pipe;
    ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
    const auto watch = receiver.loop->WatchReadable(
        pipe.read.get(), [&] { receiver.order.push_back(-1); });
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGTERM); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGTERM, kChildren, -1));
  });
}

TEST_P(SignalsTest, TheTerminalsCtrlCComesFromTheKernel) {
  InChild([this] {
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master.valid());
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    // A fork made us no group leader, so this works.
    ASSERT_GT(::setsid(), 0);
    const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR));
    ASSERT_TRUE(terminal.valid());
    Receiver receiver(alone());
    ASSERT_EQ(::write(master.get(), "\x03", 1), 1);
    receiver.TurnWhileAnyPends();
    ASSERT_THAT(receiver.order, ElementsAre(SIGINT));
    EXPECT_EQ(receiver.infos[0].code, SI_KERNEL);
    EXPECT_EQ(receiver.infos[0].sender, 0);
  });
}

TEST_P(SignalsTest, EndsWithItsOwner) {
  InChild([this] {
    Receiver receiver(alone());
    receiver.other.Cancel();
    EXPECT_EQ(receiver.loop->active_watches(), 1u);
    receiver.source.reset();
    EXPECT_EQ(receiver.loop->active_watches(), 0u);
    receiver.loop->Turn(/*may_wait=*/false);
    EXPECT_THAT(receiver.order, IsEmpty());
  });
}

// Fields that siginfo_t shares between kinds of signals.
TEST_P(SignalsTest, ATimerHasNoSender) {
  InChild([this] {
    Receiver receiver(alone());
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_int = 7;
    timer_t timer = {};
    ASSERT_EQ(::timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    const itimerspec soon = {{0, 0}, {0, 1}};
    ASSERT_EQ(::timer_settime(timer, 0, &soon, nullptr), 0);
    receiver.loop->Turn();
    ASSERT_THAT(receiver.order, ElementsAre(SIGUSR1));
    EXPECT_EQ(receiver.infos[0].code, SI_TIMER);
    EXPECT_EQ(receiver.infos[0].sender, 0);
    EXPECT_EQ(receiver.infos[0].sender_uid, 0u);
    EXPECT_EQ(static_cast<int>(receiver.infos[0].value), 7);
    ASSERT_EQ(::timer_delete(timer), 0);
  });
}

// A sandbox may refuse the call that waits for signals alone.
TEST_F(SignalSourceTest, WithoutTheShorterWaitTheLoopWaitsAsAlways) {
  for (const int error : {EPERM, ENOSYS}) {
    InChild([&] {
      Receiver receiver(/*alone=*/true);
      RefuseCall(SYS_rt_sigtimedwait, error);
      receiver.TurnAfter([](pid_t self) { ::kill(self, SIGTERM); });
      EXPECT_THAT(receiver.order, ElementsAre(SIGTERM, kChildren));
    });
  }
}

TEST_F(SignalSourceTest, WithoutDescriptorsLeftItIsAnError) {
  InChild([] {
    FakeClock clock;
    const auto loop = *EventLoop::Create(&clock);
    rlimit limit;
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none = {0, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool source = SignalSource::Create(
                            loop.get(), [](const SignalInfo&) {}, [] {})
                            .ok();
    const bool another_loop = EventLoop::Create(&clock).ok();
    // A sanitizer opens pipes, so the limit may hold no longer than needed.
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_FALSE(source);
    EXPECT_FALSE(another_loop);
    EXPECT_EQ(loop->active_watches(), 0u);
  });
}

}  // namespace
}  // namespace reinit
