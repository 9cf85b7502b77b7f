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

std::string_view Settled(const Status& status) {
  return status.WaitsForOthers() ? "never" : status.Settled() ? "1" : "0";
}

std::string Progress(const Status& status) {
  return Done(absl::StrCat(status.state, " ", status.serves ? 1 : 0, " ",
                           Settled(status),
                           status.change_failure.empty() ? "" : "\n",
                           ValidText(status.change_failure, kMaxFailure)));
}

std::string ScaleProgress(const Status& status, int wanted) {
  const int ready = status.ReadyWorkers();
  const size_t count = status.workers.size();
  const bool done = count == static_cast<size_t>(wanted) && ready == wanted;
  return Done(absl::StrCat(status.state, " ", done ? 1 : 0, " ",
                           Settled(status), "\n", ready, " of ", count,
                           " workers are ready"));
}

std::string Ticket(const absl::Status& status, uint64_t ticket) {
  return Result(status, absl::StrCat(ticket));
}

std::string Outcome(const ControlTarget& target, uint64_t ticket) {
  const std::optional<absl::Status> outcome = target.Outcome(ticket);
  if (!outcome.has_value()) {
    return Done(absl::StrCat("waiting ", target.StateName()));
  }
  if (outcome->ok()) return Done("done");
  return Failed(ValidText(outcome->message(), kMaxFailure));
}

}  // namespace

std::string RunControlCommand(ControlTarget* target, std::string_view request) {
  using What = ControlRequest::What;
  const ControlRequest asked = ParseControlRequest(request);
  uint64_t ticket = 0;
  absl::Status status;
  switch (asked.what) {
    case What::kStatus:
      return Done(StatusText(target->Describe()));
    case What::kStatusJson:
      return Done(absl::StrCat(StatusJson(target->Describe()), "\n"));
    case What::kProgress:
      return Progress(target->Describe());
    case What::kRestart:
      return Result(target->AskRestart(asked.workers, nullptr), "restarting");
    case What::kRestartWait:
      status = target->AskRestart(asked.workers, &ticket);
      return Ticket(status, ticket);
    case What::kReloadWait:
      status = target->AskReload(&ticket);
      return Ticket(status, ticket);
    case What::kOutcome:
      return Outcome(*target, asked.ticket);
    case What::kReload:
      return Result(target->AskReload(nullptr), "reloading");
    case What::kStop:
    case What::kStopNow:
      target->AskStop(asked.what == What::kStopNow);
      return Done("stopping");
    case What::kSignal:
      return Result(target->AskSignal(asked.signal),
                    absl::StrCat("sent ", SignalName(asked.signal)));
    case What::kNoSuchSignal:
      return Failed("there is no such signal");
    case What::kScale:
      return Result(target->AskScale(asked.workers), "scaling");
    case What::kScaleProgress:
      return ScaleProgress(target->Describe(), asked.workers);
    case What::kNoSuchNumber:
      return Failed(
          absl::StrCat("the number of a worker, or of workers, is from 1 to ",
                       ControlRequest::kMaxWorkers));
    case What::kUnknown:
      break;
  }
  return Failed("unknown request");
}

}  // namespace reinit
