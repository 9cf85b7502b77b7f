#include "supervisor/control/control_commands.h"

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reaper/value/signals.h"
#include "supervisor/control/bounded_json.h"
#include "supervisor/control/control_request.h"
#include "supervisor/control/limits.h"
#include "supervisor/control/status_render.h"

namespace reinit {
namespace {

std::string Done(std::string_view text) { return absl::StrCat("ok\n", text); }

std::string Failed(std::string_view why) {
  return absl::StrCat("error\n", why);
}

std::string Result(const absl::Status& status, std::string_view done) {
  return status.ok() ? Done(done) : Failed(status.message());
}

std::string Progress(const Status& status) {
  return Done(absl::StrCat(status.state, " ", status.serves ? 1 : 0, " ",
                           status.WaitsForOthers() ? "never"
                           : status.Settled()      ? "1"
                                                   : "0",
                           status.change_failure.empty() ? "" : "\n",
                           ValidText(status.change_failure, kMaxFailure)));
}

std::string Ticket(const absl::Status& status, uint64_t ticket) {
  return Result(status, absl::StrCat(ticket));
}

std::string Outcome(const Supervisor& supervisor, uint64_t ticket) {
  const std::optional<absl::Status> outcome = supervisor.Outcome(ticket);
  if (!outcome.has_value()) {
    return Done(absl::StrCat("waiting ", supervisor.StateName()));
  }
  if (outcome->ok()) return Done("done");
  return Failed(ValidText(outcome->message(), kMaxFailure));
}

}  // namespace

std::string RunControlCommand(Supervisor* supervisor,
                              std::string_view request) {
  using What = ControlRequest::What;
  const ControlRequest asked = ParseControlRequest(request);
  uint64_t ticket = 0;
  absl::Status status;
  switch (asked.what) {
    case What::kStatus:
      return Done(StatusText(supervisor->Describe()));
    case What::kStatusJson:
      return Done(absl::StrCat(StatusJson(supervisor->Describe()), "\n"));
    case What::kProgress:
      return Progress(supervisor->Describe());
    case What::kRestart:
      return Result(supervisor->AskRestart(), "restarting");
    case What::kRestartWait:
      status = supervisor->AskRestart(&ticket);
      return Ticket(status, ticket);
    case What::kReloadWait:
      status = supervisor->AskReload(&ticket);
      return Ticket(status, ticket);
    case What::kOutcome:
      return Outcome(*supervisor, asked.ticket);
    case What::kReload:
      return Result(supervisor->AskReload(), "reloading");
    case What::kStop:
    case What::kStopNow:
      supervisor->AskStop(asked.what == What::kStopNow);
      return Done("stopping");
    case What::kSignal:
      return Result(supervisor->AskSignal(asked.signal),
                    absl::StrCat("sent ", SignalName(asked.signal)));
    case What::kNoSuchSignal:
      return Failed("there is no such signal");
    case What::kUnknown:
      break;
  }
  return Failed("unknown request");
}

}  // namespace reinit
