#include "cmd/ctl_line.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cmd/flags/flag_values.h"
#include "cmd/flags/reload_values.h"
#include "reaper/log.h"
#include "supervisor/control/control_request.h"
#include "supervisor/options.h"

namespace reinit {
namespace {

// One pass over the words. Lives for one call of ParseCtl.
class CtlScanner {
 public:
  CtlScanner(const std::vector<std::string>& words, std::string_view control,
             std::vector<std::string>* errors)
      : words_(words), control_(control), errors_(errors) {}

  CtlRequest Scan();

 private:
  void ScanFlag(std::string_view word);
  void Set(std::string_view name, std::string_view value);
  void Finish();
  void OnlyWith(bool given, std::string_view flag, std::string_view command);
  void CheckWaiting();
  void FinishSignal();
  void FinishScale();
  void Error(std::string_view word, std::string_view what) {
    errors_->push_back(
        absl::StrCat("ctl ", EscapeForLog(word.substr(0, 200)), ": ", what));
  }

  const std::vector<std::string>& words_;
  std::string control_;
  std::vector<std::string>* const errors_;
  size_t next_ = 0;
  std::vector<std::string> operands_;
  bool now_ = false;
  bool wait_ = false;  // --wait
  int worker_ = 0;     // --worker, 0: not given
  bool timeout_given_ = false;
  CtlRequest result_;
};

CtlRequest CtlScanner::Scan() {
  while (next_ < words_.size()) {
    const std::string& word = words_[next_++];
    if (absl::StartsWith(word, "-")) {
      ScanFlag(word);
    } else {
      operands_.push_back(word);
    }
  }
  Finish();
  const bool named = control_ != kControlAuto && control_ != kControlOff;
  result_.path = named ? control_ : std::string(kControlPath);
  return std::move(result_);
}

void CtlScanner::ScanFlag(std::string_view word) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  bool* const target = name == "--json"    ? &result_.json
                       : name == "--ready" ? &result_.until_ready
                       : name == "--wait"  ? &wait_
                       : name == "--now"   ? &now_
                                           : nullptr;
  if (target != nullptr && equals == std::string_view::npos) {
    *target = true;
  } else if (target != nullptr) {
    Error(word, absl::StrCat("takes no value; write ", name));
  } else if (name != "--timeout" && name != "--control" && name != "--worker") {
    Error(word, absl::StrCat("unknown flag; write `", kCtlUsage, "`"));
  } else if (equals != std::string_view::npos) {
    Set(name, word.substr(equals + 1));
  } else if (next_ < words_.size()) {
    Set(name, words_[next_++]);
  } else {
    Error(word, "the value is missing");
  }
}

void CtlScanner::Set(std::string_view name, std::string_view value) {
  absl::Status status;
  if (name == "--timeout") {
    timeout_given_ = true;
    status = SetDuration(value, DurationRange::kAny, &result_.timeout);
  } else if (name == "--worker") {
    status = SetInteger(value, 1, ControlRequest::kMaxWorkers, &worker_);
  } else {
    status = SetControl(value, &control_);
  }
  if (status.ok()) return;
  Error(absl::StrCat(name, "=", value), EscapeForLog(status.message()));
}

void CtlScanner::OnlyWith(bool given, std::string_view flag,
                          std::string_view command) {
  if (given && operands_[0] != command) {
    Error(operands_[0],
          absl::StrCat(flag, " is a flag of `ctl ", command, "`"));
  }
}

void CtlScanner::CheckWaiting() {
  const std::string& command = operands_[0];
  result_.until_scaled = wait_ && command == "scale";
  result_.until_done = wait_ && (command == "restart" || command == "reload");
  if (wait_ && !result_.until_scaled && !result_.until_done) {
    Error(command,
          "--wait is a flag of `ctl reload`, `ctl restart` and `ctl scale`");
  } else if (timeout_given_ && !result_.wait && !wait_) {
    Error(command, "--timeout is a flag of `ctl wait`, or goes with --wait");
  }
}

void CtlScanner::Finish() {
  if (operands_.empty()) {
    errors_->push_back(absl::StrCat("ctl: what to do is missing; write `",
                                    kCtlUsage,
                                    "`, or `-- ctl` for a program of that "
                                    "name"));
    return;
  }
  const std::string& command = operands_[0];
  const bool signal = command == "signal";
  const bool scale = command == "scale";
  result_.wait = command == "wait";
  if (command != "status" && command != "restart" && command != "reload" &&
      command != "stop" && !signal && !scale && !result_.wait) {
    Error(command,
          "allowed are status, restart, reload, stop, signal SIG, scale N and "
          "wait");
    return;
  }
  OnlyWith(now_, "--now", "stop");
  OnlyWith(worker_ != 0, "--worker", "restart");
  OnlyWith(result_.until_ready, "--ready", "wait");
  CheckWaiting();
  result_.request = command;
  if (worker_ != 0) absl::StrAppend(&result_.request, " ", worker_);
  if (result_.until_done) result_.request += " wait";
  if (command == "status" && result_.json) result_.request = "status json";
  if (now_) result_.request = "stop now";
  if (operands_.size() > (signal || scale ? 2U : 1U)) {
    Error(operands_.back(), "one word too many");
  }
  if (signal) FinishSignal();
  if (scale) FinishScale();
}

void CtlScanner::FinishScale() {
  if (operands_.size() < 2) {
    Error(operands_[0],
          "the number of workers is missing; write `ctl scale 4`");
    return;
  }
  int workers = 0;
  const absl::Status status =
      SetInteger(operands_[1], 1, ControlRequest::kMaxWorkers, &workers);
  if (!status.ok()) {
    Error(absl::StrCat("scale ", operands_[1]), EscapeForLog(status.message()));
  }
  result_.request = absl::StrCat("scale ", workers);
  result_.progress = absl::StrCat("progress ", workers);
}

void CtlScanner::FinishSignal() {
  int signo = 0;
  if (operands_.size() < 2) {
    Error(operands_[0], "the signal is missing; write `ctl signal HUP`");
    return;
  }
  const absl::Status status = SetSignal(operands_[1], &signo);
  if (!status.ok()) {
    Error(absl::StrCat("signal ", operands_[1]),
          EscapeForLog(status.message()));
  }
  result_.request = absl::StrCat("signal ", signo);
}

}  // namespace

CtlRequest ParseCtl(const std::vector<std::string>& words,
                    std::string_view control,
                    std::vector<std::string>* errors) {
  return CtlScanner(words, control, errors).Scan();
}

}  // namespace reinit
