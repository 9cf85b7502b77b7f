// Binds the sockets of a start, before anything is started.
#ifndef REINIT_CMD_START_SOCKETS_H_
#define REINIT_CMD_START_SOCKETS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reaper/log.h"
#include "supervisor/notify/notify_socket.h"
#include "supervisor/options.h"
#include "supervisor/socket/bind.h"
#include "supervisor/socket/listen_sockets.h"

namespace reinit {

// Destroying it closes what is still in it, and removes the files.
struct StartSockets {
  ListenSockets listen;
  std::optional<BoundSocket> control;  // of `reinit ctl`
  std::optional<BoundSocket> status;   // of --status-listen
};

// Binds all that `options`, borrowed for the life of `to`, asks for, and judges
// what depends on it, such as {fd:NAME} in the arguments of the command. False
// if there are errors, which it logs; then nothing may be started. Call it
// before anything else is opened. `environment` loses the variables about
// sockets that were taken over.
bool BindAll(const Options& options, std::vector<std::string>* environment,
             Log* log, StartSockets* to);

// The socket that the process notifies reinit by; null if none is asked for.
absl::StatusOr<std::unique_ptr<NotifySocket>> MakeNotifySocket(
    const Options& options);

}  // namespace reinit

#endif  // REINIT_CMD_START_SOCKETS_H_
