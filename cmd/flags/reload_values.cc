#include "cmd/flags/reload_values.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cmd/flags/flag_values.h"
#include "cmd/flags/look_in_time.h"
#include "cmd/flags/process_values.h"
#include "cmd/flags/workers_values.h"
#include "supervisor/probe/target.h"

namespace reinit {
namespace {

// 0 to 2 are the process's own, and what is above is a mistake.
constexpr int kLowestReadyFd = 3;
constexpr int kHighestReadyFd = 255;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(what);
}

absl::Status ParseHttpAction(std::string_view rest, ChangeAction* to) {
  auto request = ParseRequestTarget(rest);
  if (!request.ok()) return request.status();
  to->request = *std::move(request);
  return absl::OkStatus();
}

using ActionKind = ChangeAction::Kind;

constexpr ChangeActionForm kActions[] = {
    {"restart", "restart", ActionKind::kRestart, nullptr},
    {"signal:", "signal:SIG", ActionKind::kSignal,
     [](std::string_view rest, ChangeAction* to) {
       return SetSignal(rest, &to->value);
     }},
    {"http:", "http:METHOD URL", ActionKind::kHttp, ParseHttpAction},
    {"exec:", "exec:CMD", ActionKind::kExec,
     [](std::string_view rest, ChangeAction* to) {
       return SetCommand(rest, &to->argv);
     }},
    {"exit", "exit", ActionKind::kExit, nullptr},
    {"exit:", "exit:CODE", ActionKind::kExit,
     [](std::string_view rest, ChangeAction* to) {
       return SetInteger(rest, 0, 255, &to->value);
     }},
    {"none", "none", ActionKind::kNone, nullptr},
};

std::string AllowedActions() {
  std::string out = "allowed are ";
  for (const ChangeActionForm& form : kActions) {
    const bool first = &form == std::begin(kActions);
    const bool last = &form == std::prev(std::end(kActions));
    absl::StrAppend(&out, first ? "" : last ? " and " : ", ", form.synopsis);
  }
  return out;
}

}  // namespace

absl::Status SetReady(std::string_view value, ReadyOptions* to) {
  using Kind = ReadyOptions::Kind;
  std::string_view rest = value;
  if (value == "exec" || value == "notify" || value == "accept") {
    to->kind = value == "exec"     ? Kind::kExec
               : value == "notify" ? Kind::kNotify
                                   : Kind::kAccept;
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&rest, "delay:")) {
    to->kind = Kind::kDelay;
    return SetDuration(rest, DurationRange::kFinite, &to->delay);
  }
  if (absl::ConsumePrefix(&rest, "fd:")) {
    to->kind = Kind::kDescriptor;
    return SetInteger(rest, kLowestReadyFd, kHighestReadyFd, &to->descriptor);
  }
  std::vector<ProbeTarget> check;
  if (!absl::StrContains(value, ':')) {
    return Wrong(
        "allowed are exec, delay:D, notify, fd:N, accept and any URL that "
        "--health "
        "takes");
  }
  if (absl::Status status = AddCheck(value, &check); !status.ok()) {
    return status;
  }
  if (const auto why = check.front().scheme().not_for_ready; !why.empty()) {
    return Wrong(why);
  }
  to->kind = Kind::kCheck;
  to->check = std::move(check);
  return absl::OkStatus();
}

absl::Span<const ChangeActionForm> ChangeActionForms() { return kActions; }

absl::Status AddChangeAction(std::string_view value,
                             std::vector<ChangeAction>* to) {
  const auto* const form = std::find_if(
      std::begin(kActions), std::end(kActions),
      [&](const ChangeActionForm& one) {
        return one.parse == nullptr ? value == one.word
                                    : absl::StartsWith(value, one.word);
      });
  if (form == std::end(kActions)) return Wrong(AllowedActions());
  ChangeAction action;
  action.kind = form->kind;
  action.text = std::string(value);
  if (form->parse != nullptr) {
    absl::Status status = form->parse(value.substr(form->word.size()), &action);
    if (!status.ok()) return status;
  }
  if (!to->empty() && to->back().kind == ChangeAction::Kind::kExit) {
    return Wrong(absl::StrCat("nothing is done behind ", to->back().text));
  }
  to->push_back(std::move(action));
  return absl::OkStatus();
}

absl::Status SetTargetName(std::string_view value, std::string* to) {
  if (value.empty() || absl::StrContains(value, '/')) {
    return Wrong(
        "allowed is a name as in /proc/PID/comm, such as nginx; for a path or "
        "arguments there is --target-cmdline");
  }
  *to = std::string(value);
  return absl::OkStatus();
}

absl::Status SetTargetCmdline(std::string_view value, std::string* to) {
  if (value.empty() || absl::StrContains(value, '[')) {
    return Wrong(
        "allowed are text, * (any text) and ? (any byte, also for a bracket)");
  }
  *to = std::string(value);
  return absl::OkStatus();
}

absl::Status SetReloadSignal(std::string_view value, int* to) {
  int signo = 0;
  absl::Status status = SetSignal(value, &signo);
  if (!status.ok()) return status;
  for (const int other :
       {SIGTERM, SIGINT, SIGQUIT, SIGKILL, SIGSTOP, SIGCHLD}) {
    if (signo == other) {
      return Wrong("means something else to reinit; allowed is HUP, USR1...");
    }
  }
  *to = signo;
  return absl::OkStatus();
}

absl::Status SetPath(std::string_view value, std::string* to) {
  std::string folder(value.substr(0, value.rfind('/') + 1));
  if (folder.empty()) folder = ".";
  absl::Status look = LookInTime([&folder] {
    struct stat found;
    if (stat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
      return Wrong("its folder is not there; allowed is a file in one that is");
    }
    return absl::OkStatus();
  });
  if (look.ok() || IsUnseen(look)) *to = std::string(value);
  return look;
}

absl::Status SetControl(std::string_view value, std::string* to) {
  if (value == kControlAuto || value == kControlOff) {
    *to = std::string(value);
    return absl::OkStatus();
  }
  if (value.front() == '@') {
    return absl::InvalidArgumentError(
        "an abstract name is shared by all containers of a pod; allowed is an "
        "absolute path");
  }
  if (value.front() != '/') {
    return absl::InvalidArgumentError(
        "allowed are an absolute path, auto and off");
  }
  if (value.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path is longer than a socket's may be (",
                     sizeof(sockaddr_un::sun_path) - 1, " bytes)"));
  }
  return SetPath(value, to);
}

absl::Status SetSize(std::string_view value, int64_t* to) {
  int shift = 0;
  if (absl::ConsumeSuffix(&value, "Ki"))
    shift = 10;
  else if (absl::ConsumeSuffix(&value, "Mi"))
    shift = 20;
  else if (absl::ConsumeSuffix(&value, "Gi"))
    shift = 30;
  int64_t number = 0;
  if (value.empty() || value[0] < '0' || value[0] > '9' ||
      !absl::SimpleAtoi(value, &number) || number <= 0 ||
      number > (INT64_MAX >> shift)) {
    return Wrong("allowed are bytes above 0, or 64Ki, 512Mi, 2Gi");
  }
  *to = number << shift;
  return absl::OkStatus();
}

}  // namespace reinit
