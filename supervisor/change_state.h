// The life of one change that is to be applied, as a table.
#ifndef REINIT_SUPERVISOR_CHANGE_STATE_H_
#define REINIT_SUPERVISOR_CHANGE_STATE_H_

#include <string_view>

namespace reinit {

// clang-format off
//            | Noticed  | Due      | Passed   | Failed  | Applied | Started | Had
//   ---------+----------+----------+----------+---------+---------+---------+-----
//   None     | Settling | Checking | -        | -       | -       | -       | -
//   Settling | -        | Checking | -        | -       | -       | -       | None
//   Checking | -        | -        | Applying | None    | -       | -       | -
//   Applying | -        | Checking | -        | Pending | None    | None    | -
//   Pending  | -        | Checking | -        | -       | -       | None    | -
// clang-format on
//
// Settling: something changes and is not quiet yet. Checking: may it be
// applied at all (a check that fails keeps the old process; the next change is
// awaited). Applying: the action runs; a newer change takes the place of one
// whose process has not been started yet, or is not ready beside the one that
// serves. Pending: it could not be applied now and is tried again. A process
// that was started in the meantime (Started) has all of it; what is being
// checked goes on, since the check may be what makes the program. Had: it is
// quiet, and older than the process that runs. "-": nothing changes; what else
// comes while one is being checked or applied is due afterwards, so nothing is
// lost and all of it is one more.
enum class ChangeState { kNone, kSettling, kChecking, kApplying, kPending };

enum class ChangeInput {
  kNoticed,
  kDue,
  kPassed,
  kFailed,
  kApplied,
  kStarted,
  kHad
};

ChangeState Next(ChangeState state, ChangeInput input);

std::string_view ToString(ChangeState state);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CHANGE_STATE_H_
