#include "supervisor/change/change_state.h"

namespace reinit {

ChangeState Next(ChangeState state, ChangeInput input) {
  switch (state) {
    case ChangeState::kNone:
      if (input == ChangeInput::kNoticed) return ChangeState::kSettling;
      [[fallthrough]];
    case ChangeState::kSettling:
      if (input == ChangeInput::kHad) return ChangeState::kNone;
      return input == ChangeInput::kDue ? ChangeState::kChecking : state;
    case ChangeState::kPending:
      if (input == ChangeInput::kStarted) return ChangeState::kNone;
      return input == ChangeInput::kDue ? ChangeState::kChecking : state;
    case ChangeState::kChecking:
      if (input == ChangeInput::kPassed || input == ChangeInput::kStopped) {
        return ChangeState::kApplying;
      }
      return input == ChangeInput::kFailed ? ChangeState::kNone : state;
    case ChangeState::kApplying:
      if (input == ChangeInput::kDue) return ChangeState::kChecking;
      if (input == ChangeInput::kApplied || input == ChangeInput::kStarted) {
        return ChangeState::kNone;
      }
      if (input == ChangeInput::kFailed) return ChangeState::kPending;
      return state;
  }
  return state;
}

std::string_view ToString(ChangeState state) {
  switch (state) {
    case ChangeState::kNone:
      return "none";
    case ChangeState::kSettling:
      return "settling";
    case ChangeState::kChecking:
      return "checking";
    case ChangeState::kApplying:
      return "applying";
    case ChangeState::kPending:
      return "pending";
  }
  return "?";
}

}  // namespace reinit
