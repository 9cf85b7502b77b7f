#include "reaper/signal_source.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/fake_clock.h"
#include "reaper/leak_check.h"
#include "reaper/signal_mask.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using SignalSourceTest = LeakCheck;

constexpr int kChildren = 0;  // in the place of a signal number

// A process that took its signals over, with a source on a loop.
struct Receiver {
  Receiver() {
    TakeOverSignals();
    loop = *EventLoop::Create(&clock);
    source = *SignalSource::Create(
        loop.get(),
        [this](const SignalInfo& info) {
          infos.push_back(info);
          order.push_back(info.signo);
        },
        [this] { order.push_back(kChildren); });
  }
  // Turns once, when a child that runs `send` has ended: everything it sent and
  // its SIGCHLD wait by then.
  void TurnAfter(absl::FunctionRef<void(pid_t)> send) {
    const pid_t self = ::getpid();
    sender = Fork([&] {
      send(self);
      return 0;
    });
    AwaitZombie(sender);
    loop->Turn();
    EXPECT_EQ(WaitStatus(sender), 0);
  }

  FakeClock clock;
  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<SignalSource> source;
  std::vector<SignalInfo> infos;
  std::vector<int> order;
  pid_t sender = 0;
};

TEST_F(SignalSourceTest, TellsWhoSentWhat) {
  InChild([] {
    Receiver receiver;
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGHUP); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGHUP, kChildren));
    ASSERT_EQ(receiver.infos.size(), 1u);
    EXPECT_EQ(receiver.infos[0].code, SI_USER);
    EXPECT_EQ(receiver.infos[0].sender, receiver.sender);
    EXPECT_EQ(receiver.infos[0].sender_uid, ::getuid());
  });
}

TEST_F(SignalSourceTest, EverySignalIsSeenAndChildrenComeLast) {
  InChild([] {
    std::vector<int> all;
    for (int signo = 1; signo <= 64; ++signo) {
      if (signo != SIGKILL && signo != SIGSTOP && signo != SIGCHLD)
        all.push_back(signo);
    }
    Receiver receiver;
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

TEST_F(SignalSourceTest, RealTimeSignalsKeepCountOrderAndPayload) {
  InChild([] {
    constexpr int kCount = 500;
    Receiver receiver;
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

TEST_F(SignalSourceTest, OurOwnSignalsAreDropped) {
  InChild([] {
    Receiver receiver;
    ::kill(::getpid(), SIGUSR1);
    ::raise(SIGUSR2);
    Pipe broken;
    broken.read.reset();
    EXPECT_EQ(::write(broken.write.get(), "x", 1), -1);  // SIGPIPE
    receiver.loop->Turn();
    EXPECT_THAT(receiver.order, IsEmpty());
    // They are gone, not waiting.
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGPIPE); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGPIPE, kChildren));
  });
}

TEST_F(SignalSourceTest, ManyChildrenAreToldOnce) {
  InChild([] {
    Receiver receiver;
    pid_t pids[5];
    for (pid_t& pid : pids) pid = Fork([] { return 0; });
    for (const pid_t pid : pids) AwaitZombie(pid);
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGTERM); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGTERM, kChildren));
    for (const pid_t pid : pids) EXPECT_EQ(WaitStatus(pid), 0);
  });
}

TEST_F(SignalSourceTest, ASigchldThatSomebodySentIsNoSignalEither) {
  InChild([] {
    Receiver receiver;
    ::kill(::getpid(), SIGCHLD);
    receiver.loop->Turn();
    EXPECT_THAT(receiver.order, ElementsAre(kChildren));
  });
}

TEST_F(SignalSourceTest, ComesBeforeDescriptors) {
  InChild([] {
    Receiver receiver;
    Pipe pipe;
    ASSERT_EQ(::write(pipe.write.get(), "x", 1), 1);
    const auto watch = receiver.loop->WatchReadable(
        pipe.read.get(), [&] { receiver.order.push_back(-1); });
    receiver.TurnAfter([](pid_t self) { ::kill(self, SIGTERM); });
    EXPECT_THAT(receiver.order, ElementsAre(SIGTERM, kChildren, -1));
  });
}

TEST_F(SignalSourceTest, TheTerminalsCtrlCComesFromTheKernel) {
  InChild([] {
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master.valid());
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    // A fork made us no group leader, so this works.
    ASSERT_GT(::setsid(), 0);
    const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR));
    ASSERT_TRUE(terminal.valid());
    Receiver receiver;
    ASSERT_EQ(::write(master.get(), "\x03", 1), 1);
    receiver.loop->Turn();
    ASSERT_THAT(receiver.order, ElementsAre(SIGINT));
    EXPECT_EQ(receiver.infos[0].code, SI_KERNEL);
    EXPECT_EQ(receiver.infos[0].sender, 0);
  });
}

TEST_F(SignalSourceTest, EndsWithItsOwner) {
  InChild([] {
    Receiver receiver;
    EXPECT_EQ(receiver.loop->active_watches(), 1u);
    receiver.source.reset();
    EXPECT_EQ(receiver.loop->active_watches(), 0u);
    receiver.loop->Turn(/*may_wait=*/false);
    EXPECT_THAT(receiver.order, IsEmpty());
  });
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
