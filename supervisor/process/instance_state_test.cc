#include "supervisor/process/instance_state.h"

#include <iterator>

#include "gtest/gtest.h"

namespace reinit {
namespace {

// Cell by cell, as the table stands in the header.
TEST(InstanceStateTest, FollowsItsTable) {
  using S = InstanceState;
  constexpr S kStates[] = {S::kStarting, S::kUp, S::kReady, S::kStopping,
                           S::kGone};
  constexpr InstanceInput kInputs[] = {
      InstanceInput::kExecuted, InstanceInput::kReady, InstanceInput::kStop,
      InstanceInput::kExited, InstanceInput::kEmpty};
  constexpr S kTable[5][5] = {
      {S::kUp, S::kStarting, S::kStopping, S::kStopping, S::kStarting},
      {S::kUp, S::kReady, S::kStopping, S::kStopping, S::kUp},
      {S::kReady, S::kReady, S::kStopping, S::kStopping, S::kReady},
      {S::kStopping, S::kStopping, S::kStopping, S::kStopping, S::kGone},
      {S::kGone, S::kGone, S::kGone, S::kGone, S::kGone}};
  for (size_t state = 0; state < std::size(kStates); ++state) {
    for (size_t input = 0; input < std::size(kInputs); ++input) {
      EXPECT_EQ(Next(kStates[state], kInputs[input]), kTable[state][input])
          << ToString(kStates[state]) << ", input " << input;
    }
  }
}

// Whatever happens, an instance only ever moves towards its end.
TEST(InstanceStateTest, NeverMovesBack) {
  for (int state = 0; state < 5; ++state) {
    for (int input = 0; input < 5; ++input) {
      const auto next = Next(static_cast<InstanceState>(state),
                             static_cast<InstanceInput>(input));
      EXPECT_GE(static_cast<int>(next), state);
    }
  }
}

}  // namespace
}  // namespace reinit
