// Tabulates the states of one running process.
#ifndef REINIT_SUPERVISOR_PROCESS_INSTANCE_STATE_H_
#define REINIT_SUPERVISOR_PROCESS_INSTANCE_STATE_H_

#include <string_view>

namespace reinit {

//   state    | kExecuted | kReady | kStop    | kExited  | kEmpty
//   ---------+-----------+--------+----------+----------+-------
//   Starting | Up        | -      | Stopping | Stopping | -
//   Up       | -         | Ready  | Stopping | Stopping | -
//   Ready    | -         | -      | Stopping | Stopping | -
//   Stopping | -         | -      | -        | -        | Gone
//   Gone     | -         | -      | -        | -        | -
//
// Starting: forked, not yet executed. Up: the program runs. Ready: it serves.
// Stopping: told to stop, or ended with processes left behind. Gone: nothing is
// left. "-": nothing changes.
enum class InstanceState { kStarting, kUp, kReady, kStopping, kGone };

enum class InstanceInput {
  kExecuted,  // exec succeeded
  kReady,     // found ready by whoever judges that
  kStop,      // is being stopped
  kExited,    // the main process has ended
  kEmpty,     // and nothing that it left behind is alive
};

InstanceState Next(InstanceState state, InstanceInput input);

std::string_view ToString(InstanceState state);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_INSTANCE_STATE_H_
