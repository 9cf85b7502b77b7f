// Finds the process ready once it serves the sockets that it was passed.
#ifndef REINIT_SUPERVISOR_STRATEGY_ACCEPT_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_ACCEPT_STRATEGY_H_

#include <sys/types.h>

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/socket/accept_watch.h"
#include "supervisor/socket/listen_sockets.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

// How long after a look the next one comes, for a process that has run for
// `elapsed`: soon at first, so that little is added to a quick start, and never
// as often that it would be felt.
absl::Duration NextLook(absl::Duration elapsed);

// One look, in a child (see AcceptWatch::Look), at the live processes of the
// instance; `next` is what the last one has answered.
using AcceptLook = std::function<AcceptWatch::Answer(
    absl::Span<const pid_t> pids, absl::Span<const ListenSockets::Id> sockets,
    size_t next)>;

// For MakeReadyStrategy. Looks, with that pause between, from the moment that
// the process runs until every socket is served; then never again. Where /proc
// does not show that, the process counts as ready a second later, and this is
// said once; with start-first also that a broken version may take over then.
// A look that hangs tells nothing, and the next one follows. `sockets` are
// borrowed; null: none. Of them, those of `worker` count (0: there is one
// process).
std::unique_ptr<Strategy> MakeAcceptStrategy(const Context& context,
                                             RestartOptions::Order order,
                                             const ListenSockets* sockets,
                                             int worker, AcceptLook look);

// With AcceptWatch.
std::unique_ptr<Strategy> MakeAcceptStrategy(const Context& context,
                                             RestartOptions::Order order,
                                             const ListenSockets* sockets,
                                             int worker);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_ACCEPT_STRATEGY_H_
