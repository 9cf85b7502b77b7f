#include "supervisor/run/instance_pair.h"

#include <signal.h>

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/fake_instance.h"
#include "supervisor/scenario/fake_world.h"

namespace reinit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class InstancePairTest : public ::testing::Test {
 protected:
  void AddNew(int generation) { pair_.Add(StartInstance(&world_, generation)); }
  void AddReady(int generation) {
    pair_.Add(StartReadyInstance(&world_, generation));
  }
  void Stop(Instance* instance) {
    world_.os().process(instance->pid()).deaf = true;
    instance->Stop(SIGTERM, absl::Seconds(10));
  }
  void End(Instance* instance) {
    world_.os().Exit(instance->pid(), {.code = 0});
    world_.Settle();
  }
  // Generations; 0: null.
  int Newest() const { return GenerationOf(pair_.current()); }
  int Other() const { return GenerationOf(pair_.leaving()); }
  int Serving() const { return GenerationOf(pair_.Serving()); }
  std::vector<int> Alive() {
    std::vector<int> generations;
    pair_.ForEachAlive(
        [&](const Instance* one) { generations.push_back(one->generation()); });
    return generations;
  }

  FakeWorld world_;
  InstancePair pair_{world_.context()};

 private:
  static int GenerationOf(const Instance* instance) {
    return instance != nullptr ? instance->generation() : 0;
  }
};

// The rows of the table, and before them the two without another.

TEST_F(InstancePairTest, EmptyNothingServes) {
  EXPECT_TRUE(pair_.empty());
  EXPECT_EQ(Serving(), 0);
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_FALSE(pair_.StandsAlone());
  EXPECT_FALSE(pair_.ReplacedOneDrains(0));
  EXPECT_EQ(pair_.last_pid(), 0);
  EXPECT_THAT(Alive(), IsEmpty());
  pair_.OnReaped();
  pair_.KillNow();
}

TEST_F(InstancePairTest, OneAloneIsAskedForAllAndStandsAloneOnceItIsReady) {
  AddNew(1);
  EXPECT_FALSE(pair_.empty());
  EXPECT_EQ(Newest(), 1);
  EXPECT_EQ(Other(), 0);
  EXPECT_EQ(Serving(), 1);
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_FALSE(pair_.StandsAlone());
  pair_.current()->MarkReady();
  EXPECT_TRUE(pair_.StandsAlone());
  EXPECT_EQ(pair_.last_pid(), pair_.current()->pid());
  Stop(pair_.current());
  EXPECT_FALSE(pair_.StandsAlone());
}

TEST_F(InstancePairTest, NewBesideOldThatServesOverlap) {
  AddReady(1);
  AddNew(2);
  EXPECT_EQ(Newest(), 2);
  EXPECT_EQ(Other(), 1);
  EXPECT_TRUE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 1);
  EXPECT_FALSE(pair_.ReplacedOneDrains(2));
  EXPECT_FALSE(pair_.StandsAlone());
  EXPECT_EQ(pair_.last_pid(), pair_.current()->pid());
  EXPECT_THAT(Alive(), ElementsAre(2, 1));
}

TEST_F(InstancePairTest, NewAndReadyTheOldOneDrains) {
  AddReady(1);
  AddNew(2);
  pair_.current()->MarkReady();
  Stop(pair_.leaving());
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 2);
  EXPECT_TRUE(pair_.ReplacedOneDrains(2));
  EXPECT_FALSE(pair_.StandsAlone());
  EXPECT_THAT(Alive(), ElementsAre(2, 1));
  End(pair_.leaving());
  EXPECT_FALSE(pair_.ReplacedOneDrains(2));
  EXPECT_FALSE(pair_.StandsAlone());  // its leftovers are not gone yet
  pair_.DropLeaving();
  EXPECT_TRUE(pair_.StandsAlone());
}

TEST_F(InstancePairTest, ReinstatedTheOldOneServesAndTheNewOneIsStopped) {
  AddReady(1);
  AddNew(2);
  pair_.Reinstate();
  Stop(pair_.leaving());
  EXPECT_EQ(Newest(), 1);
  EXPECT_EQ(Other(), 2);
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 1);
  // It did not replace the one that serves.
  EXPECT_FALSE(pair_.ReplacedOneDrains(2));
  EXPECT_FALSE(pair_.StandsAlone());
  EXPECT_EQ(pair_.last_pid(), pair_.current()->pid());
}

TEST_F(InstancePairTest, NoneBesideOldThatIsStoppedStillDrains) {
  AddReady(1);
  AddReady(2);
  Stop(pair_.leaving());
  const pid_t pid = pair_.current()->pid();
  End(pair_.current());
  pair_.DropCurrent();
  EXPECT_EQ(Newest(), 0);
  EXPECT_EQ(Other(), 1);
  EXPECT_FALSE(pair_.empty());
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 0);
  EXPECT_TRUE(pair_.ReplacedOneDrains(2));
  EXPECT_EQ(pair_.last_pid(), pid);
  // The next one starts beside it; it stays the other.
  AddNew(3);
  EXPECT_EQ(Newest(), 3);
  EXPECT_EQ(Other(), 1);
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 3);
}

// What ends an overlap.

TEST_F(InstancePairTest, AnOverlapEndsWhenTheOldOneEndsByItself) {
  AddReady(1);
  AddNew(2);
  End(pair_.leaving());
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Serving(), 2);
  EXPECT_THAT(Alive(), ElementsAre(2));
}

TEST_F(InstancePairTest, SettleHandsBackToTheOneThatServes) {
  AddReady(1);
  AddNew(2);
  pair_.Settle();
  EXPECT_EQ(Newest(), 1);
  EXPECT_EQ(Other(), 2);
  EXPECT_FALSE(pair_.Overlapping());  // although neither is being stopped
  EXPECT_EQ(Serving(), 1);
  EXPECT_EQ(pair_.last_pid(), pair_.current()->pid());
  pair_.Settle();
  EXPECT_EQ(Newest(), 1);
}

TEST_F(InstancePairTest, SettleLeavesWhatIsNoOverlapAsItIs) {
  pair_.Settle();
  EXPECT_TRUE(pair_.empty());
  AddReady(1);
  AddReady(2);
  EXPECT_FALSE(pair_.Overlapping());
  EXPECT_EQ(Newest(), 2);
}

// One that tells of its own end is still at work when it is dropped.
TEST_F(InstancePairTest, ADroppedOneGoesLater) {
  AddReady(1);
  AddReady(2);
  const pid_t newest = pair_.current()->pid();
  const pid_t other = pair_.leaving()->pid();
  pair_.DropCurrent();
  pair_.DropLeaving();
  EXPECT_TRUE(pair_.empty());
  EXPECT_TRUE(world_.children().Knows(newest));
  EXPECT_TRUE(world_.children().Knows(other));
  world_.Settle();
  EXPECT_FALSE(world_.children().Knows(newest));
  EXPECT_FALSE(world_.children().Knows(other));
}

TEST_F(InstancePairTest, KillNowKillsBoth) {
  AddReady(1);
  AddReady(2);
  const std::vector<pid_t> pids = {pair_.current()->pid(),
                                   pair_.leaving()->pid()};
  pair_.KillNow();
  world_.Settle();
  for (const pid_t pid : pids) EXPECT_FALSE(world_.os().Alive(pid));
  EXPECT_THAT(Alive(), IsEmpty());
}

TEST_F(InstancePairTest, BothLookForTheirLeftoversWhenChildrenWereReaped) {
  AddReady(1);
  AddReady(2);
  const std::vector<Instance*> both = {pair_.current(), pair_.leaving()};
  std::vector<pid_t> left;
  for (Instance* const one : both) {
    left.push_back(world_.os().AddChildOf(one->pid()));
    world_.os().process(left.back()).deaf = true;
    End(one);
    one->CleanUp();
    EXPECT_EQ(one->state(), InstanceState::kStopping);
  }
  for (const pid_t pid : left) world_.os().Exit(pid, {});
  world_.Settle();
  pair_.OnReaped();
  for (Instance* const one : both) {
    EXPECT_EQ(one->state(), InstanceState::kGone);
  }
}

TEST_F(InstancePairTest, ASuccessorIsTheLastPid) {
  AddReady(1);
  const pid_t first = pair_.current()->pid();
  const pid_t next = world_.os().AddChildOf(FakeOs::kSelf);
  pair_.current()->SetSuccessor(next);
  End(pair_.current());
  EXPECT_EQ(pair_.last_pid(), first);
  pair_.OnSucceeded();
  EXPECT_EQ(pair_.last_pid(), next);
}

}  // namespace
}  // namespace reinit
