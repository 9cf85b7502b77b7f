// Carries out the requests of `reinit ctl`.
#ifndef REINIT_SUPERVISOR_CONTROL_CONTROL_COMMANDS_H_
#define REINIT_SUPERVISOR_CONTROL_CONTROL_COMMANDS_H_

#include <string>
#include <string_view>

#include "supervisor/control_target.h"

namespace reinit {

// Does what `request` says and returns the answer (see control_server.h):
//   status          all there is, as lines
//   status json     the same as one object
//   progress        "STATE READY SETTLED", the last two 0 or 1, or SETTLED
//                   never: not by itself; for `ctl wait`
//   restart, reload, stop, stop now
//   restart wait, reload wait
//                   the same; the answer is the number of a ticket
//   restart N, restart N wait
//                   the same of worker N alone
//   scale N         there are to be N workers
//   progress N      of that, as `progress`: READY is 1 if there are N workers
//                   and all are ready; a second line says how many are
//   outcome N       what became of that one: "done", "waiting STATE", or an
//                   error that says why it failed
//   signal N        to the process, by number
// Anything may come: what is none of these is answered with an error.
std::string RunControlCommand(ControlTarget* target, std::string_view request);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_CONTROL_COMMANDS_H_
