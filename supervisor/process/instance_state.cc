#include "supervisor/process/instance_state.h"

namespace reinit {

InstanceState Next(InstanceState state, InstanceInput input) {
  const bool alive = state == InstanceState::kStarting ||
                     state == InstanceState::kUp ||
                     state == InstanceState::kReady;
  switch (input) {
    case InstanceInput::kExecuted:
      return state == InstanceState::kStarting ? InstanceState::kUp : state;
    case InstanceInput::kReady:
      return state == InstanceState::kUp ? InstanceState::kReady : state;
    case InstanceInput::kStop:
    case InstanceInput::kExited:
      return alive ? InstanceState::kStopping : state;
    case InstanceInput::kEmpty:
      return state == InstanceState::kStopping ? InstanceState::kGone : state;
  }
  return state;
}

std::string_view ToString(InstanceState state) {
  switch (state) {
    case InstanceState::kStarting:
      return "starting";
    case InstanceState::kUp:
      return "up";
    case InstanceState::kReady:
      return "ready";
    case InstanceState::kStopping:
      return "stopping";
    case InstanceState::kGone:
      return "gone";
  }
  return "?";
}

}  // namespace reinit
