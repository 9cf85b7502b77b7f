#include "reaper/child_table.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/fake_clock.h"
#include "reaper/leak_check.h"
#include "reaper/test_process.h"

namespace reinit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ChildTableTest : public LeakCheck {
 protected:
  ChildTableTest()
      : loop_(*EventLoop::Create(&clock_)), table_(loop_.get(), &os_) {}

  // A child that is ready to be reaped.
  static pid_t Ended(int code) {
    const pid_t pid = Fork([=] { return code; });
    AwaitZombie(pid);
    return pid;
  }
  ChildTable::OnExit Record(std::string who) {
    return [this, who = std::move(who)](ExitStatus status) {
      told_.push_back(who + ": " + status.ToString());
    };
  }

  FakeClock clock_;
  LinuxOs os_;
  const std::unique_ptr<EventLoop> loop_;
  ChildTable table_;
  std::vector<std::string> told_;
};

TEST_F(ChildTableTest, TellsTheOwnerOnce) {
  const pid_t pid = Ended(7);
  table_.Add(pid, Record("first"));
  EXPECT_TRUE(table_.Knows(pid));
  EXPECT_EQ(table_.size(), 1u);
  table_.Reap();
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("first: exit code 7"));
  EXPECT_FALSE(table_.Knows(pid));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(table_.adopted_reaped(), 0u);
}

TEST_F(ChildTableTest, AnOrphanCanBeWaitedForByAnyNumber) {
  const pid_t pid = Ended(7);
  uint64_t third = 0;
  table_.AddOrphan(pid, [&](ExitStatus) {
    told_.push_back("first");
    table_.ForgetOrphan(third);
  });
  table_.AddOrphan(pid, Record("second"));
  third = table_.AddOrphan(pid, Record("third"));
  EXPECT_FALSE(table_.Knows(pid));
  table_.Reap();
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("first", "second: exit code 7"));
  EXPECT_EQ(table_.adopted_reaped(), 1u);
}

TEST_F(ChildTableTest, OneOfOurOwnIsKnownUntilItIsReaped) {
  const pid_t pid = Ended(7);
  table_.Add(pid, Record("owner"));
  EXPECT_TRUE(table_.ForgetOwn(pid));
  EXPECT_TRUE(table_.Knows(pid));
  table_.Reap();
  EXPECT_FALSE(table_.Knows(pid));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ChildTableTest, AStopIsToldAndItsChildStaysKnown) {
  const pid_t pid = Fork([] {
    ::raise(SIGSTOP);
    return 0;
  });
  table_.Add(pid, Record("child"), [this](int signo) {
    told_.push_back("stopped by " + std::to_string(signo));
  });
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT),
            0);
  table_.Reap();
  loop_->Turn(/*may_wait=*/false);
  EXPECT_THAT(told_, ElementsAre("stopped by " + std::to_string(SIGSTOP)));
  EXPECT_TRUE(table_.Knows(pid));
  os_.Send(pid, SIGCONT);
  AwaitZombie(pid);
  table_.Reap();
  EXPECT_EQ(told_.back(), "child: exit code 0");
}

TEST_F(ChildTableTest, ASignalIsTold) {
  const pid_t pid = Fork([] {
    ::raise(SIGKILL);
    return 0;
  });
  AwaitZombie(pid);
  table_.Add(pid, Record("killed"));
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("killed: SIGKILL"));
}

TEST_F(ChildTableTest, UnknownOnesAreReapedAndCounted) {
  for (int i = 0; i < 3; ++i) Ended(i);
  const pid_t known = Ended(9);
  table_.Add(known, Record("known"));
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("known: exit code 9"));
  EXPECT_EQ(table_.adopted_reaped(), 3u);
}

TEST_F(ChildTableTest, KnowsWhenNoneIsLeft) {
  EXPECT_TRUE(table_.none_left());
  table_.Reap();
  EXPECT_TRUE(table_.none_left());

  Pipe hold;
  const pid_t alive = Fork([&] {
    hold.write.reset();
    return static_cast<int>(::read(hold.read.get(), &hold, 1));
  });
  table_.Add(alive, Record("alive"));
  EXPECT_FALSE(table_.none_left());
  Ended(0);
  table_.Reap();
  EXPECT_FALSE(table_.none_left());
  EXPECT_THAT(told_, IsEmpty());

  hold.write.reset();
  AwaitZombie(alive);
  bool none_left = false;
  table_.Forget(alive);
  table_.Add(alive, [&](ExitStatus) { none_left = table_.none_left(); });
  table_.Reap();
  EXPECT_TRUE(none_left) << "whoever is told knows what is left";
}

TEST_F(ChildTableTest, AForgottenOneIsReapedButNotTold) {
  const pid_t pid = Ended(0);
  table_.Add(pid, Record("forgotten"));
  table_.Forget(pid);
  table_.Forget(pid);
  EXPECT_FALSE(table_.Knows(pid));
  table_.Reap();
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_TRUE(table_.none_left());
}

TEST_F(ChildTableTest, ACallbackMayForgetAnotherThatEndedToo) {
  const pid_t pids[2] = {Ended(0), Ended(0)};
  for (int i = 0; i < 2; ++i) {
    table_.Add(pids[i], [&, i](ExitStatus) {
      told_.emplace_back("told");
      table_.Forget(pids[1 - i]);
    });
  }
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("told"));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_TRUE(table_.none_left());
}

TEST_F(ChildTableTest, ACallbackMayStartAndAddTheNext) {
  pid_t next = 0;
  const pid_t first = Ended(1);
  table_.Add(first, [&](ExitStatus) {
    next = Ended(2);
    table_.Add(next, Record("next"));
  });
  table_.Reap();
  EXPECT_TRUE(table_.Knows(next));
  EXPECT_FALSE(table_.none_left());
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("next: exit code 2"));
}

TEST_F(ChildTableTest, ACallbackMayReapAgain) {
  const pid_t pids[2] = {Ended(0), Ended(0)};
  for (const pid_t pid : pids) {
    table_.Add(pid, [&](ExitStatus) {
      told_.emplace_back("told");
      table_.Reap();
    });
  }
  table_.Reap();
  EXPECT_THAT(told_, ElementsAre("told", "told"));
}

TEST_F(ChildTableTest, OnReapedFollowsEachReapThatReaped) {
  int calls = 0;
  table_.set_on_reaped([&] {
    ++calls;
    EXPECT_EQ(told_.size(), static_cast<size_t>(calls)) << "owners come first";
  });
  table_.Reap();
  EXPECT_EQ(calls, 0);
  for (int i = 1; i <= 2; ++i) {
    table_.Add(Ended(0), Record("child"));
    Ended(0);
    table_.Reap();
    EXPECT_EQ(calls, i);
  }
}

// vfork, since three thousand copies of a sanitizer's address space take long.
pid_t QuickChild(int code) {
  const pid_t pid = ::vfork();
  if (pid == 0) ::_exit(code);
  return pid;
}

TEST_F(ChildTableTest, ThreeThousandChildrenInBoundedTurns) {
  constexpr int kCount = 3000;
  constexpr int kKnown = 100;
  std::vector<pid_t> pids;
  for (int i = 0; i < kCount; ++i) {
    pids.push_back(QuickChild(i % 256));
    ASSERT_GT(pids.back(), 0);
  }
  int told = 0;
  for (int i = 0; i < kCount; ++i) {
    AwaitZombie(pids[i]);
    if (i % (kCount / kKnown) == 0) {
      table_.Add(pids[i], [&told, i](ExitStatus status) {
        EXPECT_EQ(status.code, i % 256);
        ++told;
      });
    }
  }
  table_.Reap();  // the one SIGCHLD there may be
  const auto reaped = [&] { return table_.adopted_reaped() + told; };
  EXPECT_EQ(reaped(), uint64_t{ChildTable::kPerTurn});
  EXPECT_FALSE(table_.none_left());
  loop_->Turn(/*may_wait=*/true);
  EXPECT_EQ(reaped(), uint64_t{2 * ChildTable::kPerTurn});
  loop_->Turn(/*may_wait=*/true);
  EXPECT_EQ(reaped(), uint64_t{kCount});
  EXPECT_EQ(told, kKnown);
  EXPECT_TRUE(table_.none_left());
  EXPECT_EQ(table_.size(), 0u);
}

}  // namespace
}  // namespace reinit
