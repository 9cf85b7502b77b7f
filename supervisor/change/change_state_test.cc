#include "supervisor/change/change_state.h"

#include <iterator>

#include "gtest/gtest.h"

namespace reinit {
namespace {

// Cell by cell, as the table stands in the header.
TEST(ChangeStateTest, FollowsItsTable) {
  using S = ChangeState;
  constexpr S kStates[] = {S::kNone, S::kSettling, S::kChecking, S::kApplying,
                           S::kPending};
  constexpr ChangeInput kInputs[] = {
      ChangeInput::kNoticed, ChangeInput::kDue,     ChangeInput::kPassed,
      ChangeInput::kFailed,  ChangeInput::kApplied, ChangeInput::kStarted,
      ChangeInput::kHad,     ChangeInput::kStopped};
  constexpr S kTable[5][8] = {
      {S::kSettling, S::kChecking, S::kNone, S::kNone, S::kNone, S::kNone,
       S::kNone, S::kNone},
      {S::kSettling, S::kChecking, S::kSettling, S::kSettling, S::kSettling,
       S::kSettling, S::kNone, S::kSettling},
      {S::kChecking, S::kChecking, S::kApplying, S::kNone, S::kChecking,
       S::kChecking, S::kChecking, S::kApplying},
      {S::kApplying, S::kChecking, S::kApplying, S::kPending, S::kNone,
       S::kNone, S::kApplying, S::kApplying},
      {S::kPending, S::kChecking, S::kPending, S::kPending, S::kPending,
       S::kNone, S::kPending, S::kPending}};
  for (size_t state = 0; state < std::size(kStates); ++state) {
    for (size_t input = 0; input < std::size(kInputs); ++input) {
      EXPECT_EQ(Next(kStates[state], kInputs[input]), kTable[state][input])
          << ToString(kStates[state]) << ", input " << input;
    }
  }
}

}  // namespace
}  // namespace reinit
