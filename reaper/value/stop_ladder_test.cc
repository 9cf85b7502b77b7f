#include "reaper/value/stop_ladder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "gtest/gtest.h"

namespace reinit {
namespace {

using State = StopLadder::State;
using Act = StopLadder::Act;

enum class Input { kStop, kKill, kMainExited, kEmpty, kEarlyTick, kTick };
constexpr int kInputs = 6;
constexpr int kStates = 6;

constexpr absl::Duration kStopTimeout = absl::Seconds(10);
constexpr absl::Duration kLeftoverTimeout = absl::Seconds(3);
const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);
// Before every deadline that was set at kStart.
const absl::Time kLater = kStart + absl::Seconds(1);

// What the deadline is afterwards.
enum class Deadline { kSame, kNever, kAfterStop, kLeftover, kUnkillable };

struct Row {
  State from;
  Input input;
  State to;
  Act act;
  Deadline deadline;
};

constexpr Row Nothing(State state, Input input) {
  return {state, input, state, Act::kNothing, Deadline::kSame};
}

// The table of the header, with every "changes nothing" written out.
constexpr Row kTable[] = {
    {State::kIdle, Input::kStop, State::kStopping, Act::kStop,
     Deadline::kAfterStop},
    {State::kIdle, Input::kKill, State::kKilling, Act::kKill, Deadline::kNever},
    {State::kIdle, Input::kMainExited, State::kLeftoverTerm,
     Act::kTermLeftovers, Deadline::kLeftover},
    Nothing(State::kIdle, Input::kEmpty),
    Nothing(State::kIdle, Input::kEarlyTick),
    Nothing(State::kIdle, Input::kTick),

    Nothing(State::kStopping, Input::kStop),
    {State::kStopping, Input::kKill, State::kKilling, Act::kKill,
     Deadline::kNever},
    {State::kStopping, Input::kMainExited, State::kLeftoverTerm,
     Act::kTermLeftovers, Deadline::kLeftover},
    Nothing(State::kStopping, Input::kEmpty),
    Nothing(State::kStopping, Input::kEarlyTick),
    {State::kStopping, Input::kTick, State::kKilling, Act::kKill,
     Deadline::kNever},

    Nothing(State::kKilling, Input::kStop),
    Nothing(State::kKilling, Input::kKill),
    {State::kKilling, Input::kMainExited, State::kLeftoverTerm,
     Act::kTermLeftovers, Deadline::kLeftover},
    Nothing(State::kKilling, Input::kEmpty),
    Nothing(State::kKilling, Input::kEarlyTick),
    Nothing(State::kKilling, Input::kTick),

    Nothing(State::kLeftoverTerm, Input::kStop),
    {State::kLeftoverTerm, Input::kKill, State::kLeftoverKill,
     Act::kKillLeftovers, Deadline::kUnkillable},
    Nothing(State::kLeftoverTerm, Input::kMainExited),
    {State::kLeftoverTerm, Input::kEmpty, State::kDone, Act::kDone,
     Deadline::kNever},
    Nothing(State::kLeftoverTerm, Input::kEarlyTick),
    {State::kLeftoverTerm, Input::kTick, State::kLeftoverKill,
     Act::kKillLeftovers, Deadline::kUnkillable},

    Nothing(State::kLeftoverKill, Input::kStop),
    Nothing(State::kLeftoverKill, Input::kKill),
    Nothing(State::kLeftoverKill, Input::kMainExited),
    {State::kLeftoverKill, Input::kEmpty, State::kDone, Act::kDone,
     Deadline::kNever},
    Nothing(State::kLeftoverKill, Input::kEarlyTick),
    {State::kLeftoverKill, Input::kTick, State::kDone, Act::kGiveUp,
     Deadline::kNever},

    Nothing(State::kDone, Input::kStop),
    Nothing(State::kDone, Input::kKill),
    Nothing(State::kDone, Input::kMainExited),
    Nothing(State::kDone, Input::kEmpty),
    Nothing(State::kDone, Input::kEarlyTick),
    Nothing(State::kDone, Input::kTick),
};

StopLadder LadderIn(State state) {
  StopLadder ladder(kLeftoverTimeout);
  switch (state) {
    case State::kIdle:
      break;
    case State::kStopping:
      ladder.Stop(kStart, kStopTimeout);
      break;
    case State::kKilling:
      ladder.Kill(kStart);
      break;
    case State::kLeftoverTerm:
      ladder.MainExited(kStart);
      break;
    case State::kLeftoverKill:
      ladder.MainExited(kStart);
      ladder.Kill(kStart);
      break;
    case State::kDone:
      ladder.MainExited(kStart);
      ladder.Empty();
      break;
  }
  EXPECT_EQ(ladder.state(), state);
  return ladder;
}

Act Give(StopLadder& ladder, Input input, absl::Time now) {
  switch (input) {
    case Input::kStop:
      return ladder.Stop(now, kStopTimeout);
    case Input::kKill:
      return ladder.Kill(now);
    case Input::kMainExited:
      return ladder.MainExited(now);
    case Input::kEmpty:
      return ladder.Empty();
    case Input::kEarlyTick:
    case Input::kTick:
      return ladder.Tick(now);
  }
  return Act::kNothing;
}

absl::Time Expected(Deadline deadline, absl::Time before, absl::Time now) {
  switch (deadline) {
    case Deadline::kSame:
      return before;
    case Deadline::kNever:
      return absl::InfiniteFuture();
    case Deadline::kAfterStop:
      return now + kStopTimeout;
    case Deadline::kLeftover:
      return now + kLeftoverTimeout;
    case Deadline::kUnkillable:
      return now + StopLadder::kUnkillable;
  }
  return before;
}

TEST(StopLadder, FollowsTheTableInEveryState) {
  for (const Row& row : kTable) {
    SCOPED_TRACE(testing::Message()
                 << "state " << static_cast<int>(row.from) << ", input "
                 << static_cast<int>(row.input));
    StopLadder ladder = LadderIn(row.from);
    const absl::Time before = ladder.deadline();
    absl::Time now = kLater;
    if (row.input == Input::kEarlyTick && before != absl::InfiniteFuture())
      now = before - absl::Nanoseconds(1);
    if (row.input == Input::kTick)
      now = std::min(before, kStart + absl::Hours(10000));
    EXPECT_EQ(Give(ladder, row.input, now), row.act);
    EXPECT_EQ(ladder.state(), row.to);
    EXPECT_EQ(ladder.deadline(), Expected(row.deadline, before, now));
  }
}

TEST(StopLadder, TheTableIsWhole) {
  std::set<std::pair<State, Input>> pairs;
  for (const Row& row : kTable)
    EXPECT_TRUE(pairs.insert({row.from, row.input}).second);
  EXPECT_EQ(pairs.size(), size_t{kStates * kInputs});
}

TEST(StopLadder, EveryPathEndsOnceTheProcessesDo) {
  // From every state, in every order of four inputs: the end of the main
  // process and an empty tree lead to Done, and Done is said exactly once.
  for (int start = 0; start < kStates; ++start) {
    for (int code = 0; code < kInputs * kInputs * kInputs * kInputs; ++code) {
      StopLadder ladder = LadderIn(static_cast<State>(start));
      int ends = start == static_cast<int>(State::kDone) ? 1 : 0;
      absl::Time now = kStart;
      const auto count = [&](Act act) {
        ends += act == Act::kDone || act == Act::kGiveUp ? 1 : 0;
      };
      for (int rest = code, i = 0; i < 4; ++i, rest /= kInputs) {
        const auto input = static_cast<Input>(rest % kInputs);
        if (input == Input::kTick && ladder.deadline() < absl::InfiniteFuture())
          now = std::max(now, ladder.deadline());
        count(Give(ladder, input, now));
      }
      count(ladder.MainExited(now));
      count(ladder.Empty());
      ASSERT_EQ(ladder.state(), State::kDone) << start << " " << code;
      ASSERT_EQ(ends, 1) << start << " " << code;
    }
  }
}

TEST(StopLadder, AnInfiniteTimeoutNeverKills) {
  StopLadder ladder(kLeftoverTimeout);
  EXPECT_EQ(ladder.Stop(kStart, absl::InfiniteDuration()), Act::kStop);
  EXPECT_EQ(ladder.deadline(), absl::InfiniteFuture());
  EXPECT_EQ(ladder.Tick(kStart + absl::Hours(1000000)), Act::kNothing);
  EXPECT_EQ(ladder.state(), State::kStopping);
}

TEST(StopLadder, ATimeoutOfZeroKillsAtTheNextTick) {
  StopLadder ladder(absl::ZeroDuration());
  EXPECT_EQ(ladder.Stop(kStart, absl::ZeroDuration()), Act::kStop);
  EXPECT_EQ(ladder.Tick(kStart), Act::kKill);
  EXPECT_EQ(ladder.MainExited(kStart), Act::kTermLeftovers);
  EXPECT_EQ(ladder.Tick(kStart), Act::kKillLeftovers);
}

TEST(StopLadderTest, PostponeMovesTheDeadlineWhileStoppingOnly) {
  const absl::Time now = absl::UnixEpoch();
  StopLadder ladder(absl::Seconds(2));
  ladder.Postpone(absl::InfiniteFuture());
  EXPECT_EQ(ladder.state(), StopLadder::State::kIdle);
  ladder.Stop(now, absl::Seconds(10));
  ladder.Postpone(absl::InfiniteFuture());
  EXPECT_EQ(ladder.deadline(), absl::InfiniteFuture());
  EXPECT_EQ(ladder.Tick(now + absl::Hours(1)), StopLadder::Act::kNothing);
  EXPECT_EQ(ladder.Kill(now), StopLadder::Act::kKill);
  ladder.MainExited(now);
  ladder.Postpone(absl::InfiniteFuture());
  EXPECT_EQ(ladder.deadline(), now + absl::Seconds(2));
}

}  // namespace
}  // namespace reinit
