#include "supervisor/control/control_commands.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reaper/signals.h"
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

std::string Signal(Supervisor* supervisor, std::string_view number) {
  int signo = 0;
  if (!absl::SimpleAtoi(number, &signo) || signo < 1 || signo > kMaxSignal) {
    return Failed("there is no such signal");
  }
  return Result(supervisor->AskSignal(signo),
                absl::StrCat("sent ", SignalName(signo)));
}

std::string Progress(const Status& status) {
  return Done(absl::StrCat(status.state, " ", status.serves ? 1 : 0, " ",
                           status.Settled() ? 1 : 0));
}

}  // namespace

std::string RunControlCommand(Supervisor* supervisor,
                              std::string_view request) {
  if (request == "status") return Done(StatusText(supervisor->Describe()));
  if (request == "status json") {
    return Done(absl::StrCat(StatusJson(supervisor->Describe()), "\n"));
  }
  if (request == "progress") return Progress(supervisor->Describe());
  if (request == "restart") {
    return Result(supervisor->AskRestart(), "restarting");
  }
  if (request == "reload") return Result(supervisor->AskReload(), "reloading");
  if (request == "stop" || request == "stop now") {
    supervisor->AskStop(request != "stop");
    return Done("stopping");
  }
  if (absl::ConsumePrefix(&request, "signal ")) {
    return Signal(supervisor, request);
  }
  return Failed("unknown request");
}

}  // namespace reinit
