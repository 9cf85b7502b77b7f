// Tabulates the states of one change that is to be applied.
#ifndef REINIT_SUPERVISOR_CHANGE_CHANGE_STATE_H_
#define REINIT_SUPERVISOR_CHANGE_CHANGE_STATE_H_

#include <string_view>

namespace reinit {

// clang-format off
//            | Noticed  | Due      | Passed   | Failed  | Stopped  | Applied | Started | Had
//   ---------+----------+----------+----------+---------+----------+---------+---------+-----
//   None     | Settling | Checking | -        | -       | -        | -       | -       | -
//   Settling | -        | Checking | -        | -       | -        | -       | -       | None
//   Checking | -        | -        | Applying | None    | Applying | -       | -       | -
//   Applying | -        | Checking | -        | Pending | -        | None    | None    | -
//   Pending  | -        | Checking | -        | -       | -        | -       | None    | -
// clang-format on
//
// Settling: files change and are not quiet yet. Checking: --reload-check runs
// (when it fails, the old process stays and the next change is awaited).
// Applying: the action runs; a newer change replaces one whose process has not
// been started yet, or is not ready while the old process serves. Pending: the
// action failed and is tried again. Started: a process that started meanwhile
// has the whole change; a check goes on, since it may build the program.
// Stopped: the check came to nothing while a start for an earlier change is
// awaited, so that earlier change is being applied again. Had: the change is
// quiet, and older than the process that runs. "-": nothing changes; whatever
// comes during a check or an action becomes one further change.
enum class ChangeState { kNone, kSettling, kChecking, kApplying, kPending };

enum class ChangeInput {
  kNoticed,
  kDue,
  kPassed,
  kFailed,
  kStopped,
  kApplied,
  kStarted,
  kHad
};

ChangeState Next(ChangeState state, ChangeInput input);

std::string_view ToString(ChangeState state);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHANGE_CHANGE_STATE_H_
