// Tabulates how a process is brought down: the order of signals and deadlines.
#ifndef REINIT_REAPER_VALUE_STOP_LADDER_H_
#define REINIT_REAPER_VALUE_STOP_LADDER_H_

#include "absl/time/time.h"

namespace reinit {

// Pure: values in, values out; the owner sends the signals and keeps the timer.
//
//   state        | event                 -> state, what to do
//   -------------+---------------------------------------------------------
//   Idle         | Stop                  -> Stopping, kStop
//   Idle         | Kill                  -> Killing, kKill
//   Idle         | MainExited            -> LeftoverTerm, kTermLeftovers
//   Stopping     | deadline              -> Killing, kKill
//   Stopping     | Kill                  -> Killing, kKill
//   Stopping     | Postpone              -> Stopping, with another deadline
//   Stopping     | MainExited            -> LeftoverTerm, kTermLeftovers
//   Killing      | MainExited            -> LeftoverTerm, kTermLeftovers
//   LeftoverTerm | Empty                 -> Done, kDone
//   LeftoverTerm | deadline, Kill        -> LeftoverKill, kKillLeftovers
//   LeftoverKill | Empty                 -> Done, kDone
//   LeftoverKill | deadline              -> Done, kGiveUp
//
// Everything else changes nothing. kStop is the stop signal, then SIGCONT,
// since a stopped process cannot handle a signal (systemd and s6 do the same).
// A main process that survives KILL (state D) is waited for, unless reinit ends
// and --shutdown-timeout is over: it alone decides the exit status. Leftovers
// that do are given up after kUnkillable.
class StopLadder {
 public:
  enum class State {
    kIdle,
    kStopping,
    kKilling,
    kLeftoverTerm,
    kLeftoverKill,
    kDone
  };
  enum class Act {
    kNothing,
    kStop,
    kKill,
    kTermLeftovers,
    kKillLeftovers,
    kDone,
    kGiveUp
  };

  explicit StopLadder(absl::Duration leftover_timeout)
      : leftover_timeout_(leftover_timeout) {}

  // `timeout` from the stop signal to KILL; may be infinite.
  Act Stop(absl::Time now, absl::Duration timeout);
  Act Kill(absl::Time now);
  // Another deadline for a stop under way; InfiniteFuture: somebody else has a
  // clock.
  void Postpone(absl::Time deadline);
  Act MainExited(absl::Time now);
  Act Empty();  // no leftover is alive
  Act Tick(absl::Time now);

  State state() const { return state_; }
  // When Tick wants to be called; InfiniteFuture: never.
  absl::Time deadline() const { return deadline_; }

  static constexpr absl::Duration kUnkillable = absl::Seconds(2);

 private:
  Act MoveTo(State state, absl::Time deadline, Act act);

  const absl::Duration leftover_timeout_;
  State state_ = State::kIdle;
  absl::Time deadline_ = absl::InfiniteFuture();
};

}  // namespace reinit

#endif  // REINIT_REAPER_VALUE_STOP_LADDER_H_
