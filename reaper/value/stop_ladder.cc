#include "reaper/value/stop_ladder.h"

namespace reinit {

StopLadder::Act StopLadder::MoveTo(State state, absl::Time deadline, Act act) {
  state_ = state;
  deadline_ = deadline;
  return act;
}

StopLadder::Act StopLadder::Stop(absl::Time now, absl::Duration timeout) {
  if (state_ != State::kIdle) return Act::kNothing;
  return MoveTo(State::kStopping, now + timeout, Act::kStop);
}

StopLadder::Act StopLadder::Kill(absl::Time now) {
  switch (state_) {
    case State::kIdle:
    case State::kStopping:
      return MoveTo(State::kKilling, absl::InfiniteFuture(), Act::kKill);
    case State::kLeftoverTerm:
      return MoveTo(State::kLeftoverKill, now + kUnkillable,
                    Act::kKillLeftovers);
    default:
      return Act::kNothing;
  }
}

void StopLadder::Postpone(absl::Time deadline) {
  if (state_ == State::kStopping) deadline_ = deadline;
}

StopLadder::Act StopLadder::MainExited(absl::Time now) {
  switch (state_) {
    case State::kIdle:
    case State::kStopping:
    case State::kKilling:
      return MoveTo(State::kLeftoverTerm, now + leftover_timeout_,
                    Act::kTermLeftovers);
    default:
      return Act::kNothing;
  }
}

StopLadder::Act StopLadder::Empty() {
  if (state_ != State::kLeftoverTerm && state_ != State::kLeftoverKill) {
    return Act::kNothing;
  }
  return MoveTo(State::kDone, absl::InfiniteFuture(), Act::kDone);
}

StopLadder::Act StopLadder::Tick(absl::Time now) {
  if (now < deadline_) return Act::kNothing;
  switch (state_) {
    case State::kStopping:
    case State::kLeftoverTerm:
      return Kill(now);
    case State::kLeftoverKill:
      return MoveTo(State::kDone, absl::InfiniteFuture(), Act::kGiveUp);
    default:
      return Act::kNothing;
  }
}

}  // namespace reinit
