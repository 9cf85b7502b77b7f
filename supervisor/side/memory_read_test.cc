#include "supervisor/side/memory_read.h"

#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/clock.h"
#include "supervisor/scenario/fake_world.h"
#include "supervisor/side/side_child.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class MemoryReadTest : public ::testing::Test {
 protected:
  MemoryReadTest()
      : read_(
            world_.context(),
            [this](pid_t pid) -> std::optional<std::string> {
              if (pid == unreadable_) return std::nullopt;
              return absl::StrCat("text of ", pid);
            },
            [this](const std::vector<MemoryRead::Result>& results) {
              for (const MemoryRead::Result& one : results) {
                seen_.push_back(one.hangs ? "hangs"
                                          : one.text.value_or("nothing"));
              }
            }) {}

  FakeOs& os() { return world_.os(); }
  pid_t Ask() {
    const pid_t pid = os().AddStranger("one");
    read_.Ask(*os().ReadProcess(pid));
    return pid;
  }

  FakeWorld world_;
  pid_t unreadable_ = 0;
  std::vector<std::string> seen_;
  MemoryRead read_;
};

TEST_F(MemoryReadTest, OneChildReadsAllThatIsAskedForInOneTurn) {
  const pid_t one = Ask();
  const pid_t two = Ask();
  read_.Ask(*os().ReadProcess(one));
  EXPECT_EQ(os().forks(), 0);
  world_.Settle();
  EXPECT_EQ(os().forks(), 1);
  EXPECT_THAT(seen_, UnorderedElementsAre(absl::StrCat("text of ", one),
                                          absl::StrCat("text of ", two)));
}

TEST_F(MemoryReadTest, WhatCannotBeReadIsToldToo) {
  unreadable_ = Ask();
  world_.Settle();
  EXPECT_THAT(seen_, ElementsAre("nothing"));
}

// Its pid is another's when the child comes to it.
TEST_F(MemoryReadTest, AnotherProcessIsNotTakenForIt) {
  const pid_t one = Ask();
  os().process(one).started += 1;
  world_.Settle();
  EXPECT_THAT(seen_, ElementsAre("nothing"));
}

TEST_F(MemoryReadTest, WithoutAChildItIsTriedAgain) {
  os().set_fork_fails(true);
  Ask();
  Ask();
  world_.Advance(absl::Seconds(1));
  EXPECT_THAT(seen_, IsEmpty());
  os().set_fork_fails(false);
  world_.Advance(MemoryRead::kSlow);
  EXPECT_EQ(seen_.size(), 2u);
}

TEST_F(MemoryReadTest, WithoutAChildForLongItIsGivenUp) {
  os().set_fork_fails(true);
  Ask();
  world_.Advance(SideChild::kPatience + MemoryRead::kSlow);
  EXPECT_THAT(seen_, ElementsAre("nothing"));
}

TEST_F(MemoryReadTest, AChildThatIsSlowIsNotWaitedFor) {
  os().set_hold_forks(true);
  Ask();
  world_.Settle();
  os().set_hold_forks(false);
  world_.Advance(MemoryRead::kSlow);
  EXPECT_EQ(os().forks(), 2);
  EXPECT_EQ(seen_.size(), 1u);
  world_.Advance(SideChild::kPatience);
}

TEST_F(MemoryReadTest, ThereAreOnlySoManyChildren) {
  os().set_hold_forks(true);
  Ask();
  world_.Advance(MemoryRead::kSlow * 20);
  EXPECT_EQ(os().forks(), static_cast<int>(MemoryRead::kReaders));
  os().set_hold_forks(false);
  world_.Advance(SideChild::kPatience);
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(MemoryReadTest, MoreThanThereIsRoomForIsAskedForAgain) {
  for (size_t i = 0; i < MemoryRead::kMost + 5; ++i) Ask();
  world_.Settle();
  EXPECT_EQ(seen_.size(), MemoryRead::kMost);
  Ask();
  world_.Settle();
  EXPECT_EQ(seen_.size(), MemoryRead::kMost + 1);
}

TEST_F(MemoryReadTest, NothingIsArmedAtRest) {
  Ask();
  world_.Settle();
  EXPECT_EQ(world_.loop().armed_timers(), 0u);
}

// With real children: of three processes the reader of the first never comes
// back, and the others are told of long before that one is given up.
TEST(MemoryReadOfTheKernelTest, OneThatHangsHoldsUpOnlyItself) {
  const MonotonicClock clock;
  LinuxOs os;
  RecordingLog log;
  LogObserver observer(&log);
  const UserProcess user_process;
  const auto loop = *EventLoop::Create(&clock);
  ChildTable children(loop.get(), &os);
  std::vector<MemoryRead::Result> seen;
  const ProcessInfo parent = *os.ReadProcess(::getppid());
  const ProcessInfo self = *os.ReadProcess(::getpid());
  const pid_t hung = parent.pid;
  MemoryRead read(
      {loop.get(), &os, &children, &log, &user_process, &observer},
      [hung](pid_t pid) -> std::optional<std::string> {
        if (pid == hung) {
          for (;;) ::pause();
        }
        return absl::StrCat(pid);
      },
      [&seen](const std::vector<MemoryRead::Result>& results) {
        seen.insert(seen.end(), results.begin(), results.end());
      });
  read.Ask(parent);
  read.Ask(self);
  const auto turn_until = [&](size_t count) {
    const absl::Time limit = clock.Now() + absl::Seconds(30);
    while (seen.size() < count && clock.Now() < limit) {
      children.Reap();
      loop->Turn(/*may_wait=*/false);
    }
    ASSERT_EQ(seen.size(), count);
  };
  turn_until(1);
  EXPECT_EQ(seen[0].text, absl::StrCat(self.pid));
  turn_until(2);
  EXPECT_EQ(seen[1].process.first, parent.pid);
  EXPECT_TRUE(seen[1].hangs);
}

}  // namespace
}  // namespace reinit
