#include "cmd/ctl.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/clock.h"
#include "reaper/log.h"
#include "supervisor/control/bounded_json.h"
#include "supervisor/control/control_client.h"
#include "supervisor/value/duration_text.h"

namespace reinit {
namespace {

constexpr absl::Duration kAnswer = absl::Seconds(10);
constexpr absl::Duration kLook = absl::Milliseconds(50);

absl::StatusOr<std::string> AskOnce(const CtlRequest& request) {
  absl::StatusOr<ControlClient> client = ControlClient::Connect(request.path);
  if (!client.ok()) return client.status();
  return client->Ask(request.request, kAnswer);
}

void Pause(const Clock& clock, absl::Time end) {
  const timespec pause = absl::ToTimespec(std::min(kLook, end - clock.Now()));
  ::nanosleep(&pause, nullptr);
}

// Asks for it, and then what became of it.
absl::StatusOr<std::string> AskUntilDone(const CtlRequest& request) {
  const MonotonicClock clock;
  const absl::Time end = clock.Now() + request.timeout;
  absl::StatusOr<ControlClient> client = ControlClient::Connect(request.path);
  if (!client.ok()) return client.status();
  const absl::StatusOr<std::string> ticket =
      client->Ask(request.request, kAnswer);
  if (!ticket.ok()) return ticket.status();
  while (true) {
    absl::StatusOr<std::string> outcome =
        client->Ask(absl::StrCat("outcome ", *ticket), kAnswer);
    if (absl::IsFailedPrecondition(outcome.status())) {
      return absl::FailedPreconditionError(
          absl::StrCat("not applied: ", outcome.status().message()));
    }
    if (!outcome.ok()) return outcome;
    std::string_view state = *outcome;
    if (!absl::ConsumePrefix(&state, "waiting ")) return outcome;
    if (clock.Now() >= end) {
      return absl::DeadlineExceededError(
          absl::StrCat("not applied within ", DurationText(request.timeout),
                       ": it is ", state));
    }
    Pause(clock, end);
  }
}

// Looks again and again, since what is waited for may also be that somebody is
// there at all.
class Waiter {
 public:
  explicit Waiter(const CtlRequest* request)
      : request_(request),
        end_(clock_.Now() + request->timeout),
        seen_(request->until_scaled) {}

  absl::StatusOr<std::string> Run() {
    while (true) {
      if (Look()) return result_;
      if (clock_.Now() >= end_) return TooLate();
      Pause(clock_, end_);
    }
  }

 private:
  // True if result_ is the answer.
  bool Look() {
    if (!client_.has_value()) {
      absl::StatusOr<ControlClient> client =
          ControlClient::Connect(request_->path);
      if (!client.ok()) {
        last_ = std::string(client.status().message());
        result_ = client.status();
        // One that was there and is not any more does not come back.
        return seen_ || !absl::IsNotFound(client.status());
      }
      client_ = *std::move(client);
    }
    absl::StatusOr<std::string> answer = client_->Ask(
        request_->progress, std::clamp(end_ - clock_.Now(), kLook, kAnswer));
    if (!answer.ok()) {
      client_.reset();
      last_ = std::string(answer.status().message());
      result_ = answer.status();
      return !absl::IsUnavailable(answer.status());
    }
    seen_ = true;
    return Judge(*answer);
  }

  bool Judge(const std::string& answer) {
    const size_t line = answer.find('\n');
    const std::vector<std::string> words =
        absl::StrSplit(answer.substr(0, line), ' ');
    if (words.size() != 3) {
      result_ =
          absl::InternalError("reinit gave an answer that makes no sense");
      return true;
    }
    last_ = absl::StrCat("it is ", words[0]);
    if (words[0] == "ending" || words[0] == "ended") {
      result_ = absl::FailedPreconditionError("reinit is about to end");
      return true;
    }
    result_ = words[0];
    if (line != std::string::npos && request_->until_scaled) {
      last_ = answer.substr(line + 1);
      result_ = "done";
    } else if (line != std::string::npos) {
      const std::string failure = absl::StrCat(
          "the last change was not applied: ", answer.substr(line + 1));
      absl::StrAppend(&last_, "; ", failure);
      result_ = absl::FailedPreconditionError(failure);
    }
    if (words[2] == "never") {
      result_ = absl::FailedPreconditionError(
          "there is no process, and only a change or `ctl restart` starts one");
      return true;
    }
    const bool until_ready = request_->until_ready || request_->until_scaled;
    return words[2] == "1" && (words[1] == "1" || !until_ready);
  }

  absl::Status TooLate() const {
    return absl::DeadlineExceededError(
        absl::StrCat(request_->until_scaled  ? "not scaled"
                     : request_->until_ready ? "not ready"
                                             : "not settled",
                     " within ", DurationText(request_->timeout), ": ", last_));
  }

  const CtlRequest* const request_;
  const MonotonicClock clock_;
  const absl::Time end_;
  std::optional<ControlClient> client_;
  bool seen_;
  std::string last_;  // why it goes on
  absl::StatusOr<std::string> result_;
};

absl::StatusOr<std::string> ScaleAndWait(const CtlRequest& request) {
  Waiter waiter(&request);
  absl::StatusOr<std::string> taken = AskOnce(request);
  return taken.ok() ? waiter.Run() : taken;
}

// What came from elsewhere may have been made for the terminal.
std::string EscapeLines(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    lines.push_back(EscapeForLog(line));
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace

CtlResult RunCtl(const CtlRequest& request) {
  const absl::StatusOr<std::string> answer =
      request.wait           ? Waiter(&request).Run()
      : request.until_scaled ? ScaleAndWait(request)
      : request.until_done   ? AskUntilDone(request)
                             : AskOnce(request);
  CtlResult result;
  result.exit_code = answer.ok() ? 0 : 1;
  const bool shows_status =
      request.request == "status" || request.request == "status json";
  if (answer.ok() && shows_status) {
    result.to_stdout = EscapeLines(*answer);
  } else if (request.json) {
    BoundedJson json;
    json.BeginObject().Key("ok").Bool(answer.ok());
    json.Key(answer.ok() ? "result" : "error");
    json.Text(answer.ok() ? *answer : answer.status().message()).EndObject();
    result.to_stdout = json.text() + "\n";
  } else if (answer.ok()) {
    result.to_stdout = EscapeLines(*answer) + "\n";
  } else {
    result.error = absl::StrCat("ctl: ", answer.status().message());
  }
  return result;
}

}  // namespace reinit
