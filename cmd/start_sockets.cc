#include "cmd/start_sockets.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/control/control_server.h"
#include "supervisor/probe/target.h"
#include "supervisor/process/mark.h"
#include "supervisor/status_server/status_server.h"

namespace reinit {
namespace {

// False if there are errors. A plain init leaves what it inherited alone.
bool OpenSockets(const Options& options, std::vector<std::string>* environment,
                 Log* log, ListenSockets* sockets) {
  if (!options.Supervising()) return true;
  ListenSockets::Problems problems = sockets->Open(
      &options.listen, ::getpid(), environment, options.workers.count);
  if (options.ReadyDescriptorTaken(sockets->size())) {
    problems.errors.push_back(absl::StrCat(
        "--ready=fd:", options.ready.descriptor,
        ": a socket has this number in the process; allowed is "
        "fd:",
        kFirstPassedSocket + static_cast<int>(sockets->size()), " or more"));
  }
  if (options.ready.kind == ReadyOptions::Kind::kAccept &&
      problems.errors.empty() && sockets->Listening().empty()) {
    problems.errors.emplace_back(
        "--ready=accept: there is no listening socket; give one by --listen");
  }
  const auto& checks = options.health.checks;
  const bool wants_queues =
      std::any_of(checks.begin(), checks.end(), [](const ProbeTarget& check) {
        return check.scheme().checker == ProbeScheme::Checker::kQueues;
      });
  if (wants_queues && problems.errors.empty() && sockets->Queues().empty()) {
    problems.errors.emplace_back(
        "--health=stall: there is no listening TCP socket; give one by "
        "--listen");
  }
  if (wants_queues && problems.errors.empty() && !sockets->TellsWhoWaits()) {
    problems.warnings.emplace_back(
        "--health=stall: the kernel does not tell here which connections wait "
        "(sock_diag): this check always passes");
  }
  if (!options.listen.sockets.empty() && problems.errors.empty()) {
    for (std::string& error : sockets->UnknownPlaceholders(options.command)) {
      problems.errors.push_back(std::move(error));
    }
  }
  for (const std::string& warning : problems.warnings) {
    log->Write(LogLevel::kWarning, warning);
  }
  for (const std::string& error : problems.errors) {
    log->Write(LogLevel::kError, error);
  }
  return problems.errors.empty();
}

// The socket of `reinit ctl`, which may be none. False if there is an error.
bool BindControl(const Options& options, Log* log,
                 std::optional<BoundSocket>* socket) {
  if (!options.Supervising() || options.control == kControlOff) return true;
  const bool named = options.HasControlPath();
  auto bound =
      BindControlSocket(named ? options.control : std::string(kControlPath));
  if (bound.ok()) {
    *socket = *std::move(bound);
    return true;
  }
  // A read-only image, another user than root, or a second reinit in the
  // container.
  log->Write(named ? LogLevel::kError : LogLevel::kInfo,
             absl::StrCat(
                 "--control=", named ? options.control : kControlPath, ": ",
                 bound.status().message(),
                 named ? ""
                       : ": no `reinit ctl`; name a place that can be written "
                         "to, as by REINIT_CONTROL=/tmp/reinit.sock, or off"));
  return !named;
}

// False if there is an error.
bool BindStatus(const Options& options, Log* log,
                std::optional<BoundSocket>* socket) {
  if (!options.status_listen.has_value()) return true;
  auto bound = BindStatusSocket(*options.status_listen);
  if (bound.ok()) {
    *socket = *std::move(bound);
    return true;
  }
  log->Write(LogLevel::kError,
             absl::StrCat(
                 "--status-listen=", EscapeForLog(options.status_listen->text),
                 ": ", bound.status().message()));
  return false;
}

}  // namespace

bool BindAll(const Options& options, std::vector<std::string>* environment,
             Log* log, StartSockets* to) {
  // All of them, so that every error is found.
  const bool listens = OpenSockets(options, environment, log, &to->listen);
  const bool controlled = BindControl(options, log, &to->control);
  const bool shown = BindStatus(options, log, &to->status);
  return listens && controlled && shown;
}

absl::StatusOr<std::unique_ptr<NotifySocket>> MakeNotifySocket(
    const Options& options) {
  if (!options.Listens()) return nullptr;
  return NotifySocket::Create(NotifyFolders(),
                              absl::StrCat("reinit-", RandomName(), ".notify"));
}

}  // namespace reinit
