#include "supervisor/action/http_action.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "supervisor/action/report.h"
#include "supervisor/probe/probe_record.h"
#include "supervisor/probe/request_headers.h"
#include "supervisor/side/small_file.h"

namespace reinit {
namespace {

// As for a health check: twice the time, since it begins anew what it has
// overslept, and a moment more.
constexpr absl::Duration kHelperGrace = absl::Seconds(2);

// In a child. The errors name the file and the line, and show nothing of them.
absl::StatusOr<std::string> ReadHeaders(const ReloadOptions& options) {
  const auto failed = [](std::string_view flag, const std::string& file,
                         const absl::Status& why) {
    return absl::FailedPreconditionError(
        absl::StrCat(flag, file, ": ", why.message()));
  };
  std::string all;
  if (const std::string& file = options.headers_file; !file.empty()) {
    const auto content = ReadSmallFile(file);
    const absl::StatusOr<std::vector<std::string>> headers =
        content.ok() ? ParseHeaders(*content) : content.status();
    if (!headers.ok()) {
      return failed("--on-change-headers-file=", file, headers.status());
    }
    for (const std::string& header : *headers) {
      absl::StrAppend(&all, header, "\n");
    }
  }
  if (const std::string& file = options.auth_file; !file.empty()) {
    const auto content = ReadSmallFile(file);
    const absl::StatusOr<std::string> header =
        content.ok() ? BasicAuthentication(*content) : content.status();
    if (!header.ok()) {
      return failed("--on-change-auth-file=", file, header.status());
    }
    absl::StrAppend(&all, *header, "\n");
  }
  return all;
}

}  // namespace

HttpAction::HttpAction(const Context& context, const ProbeTarget* request,
                       const ReloadOptions* options)
    : context_(context),
      request_(request),
      options_(options),
      read_(context),
      late_(context.loop, [this] {
        helper_->Replace("did not answer in time");
        Finish(false, "the probe helper did not answer in time");
      }) {}

HelperProcess::Spec HttpAction::HelperSpec() {
  return {.role = "probe",
          .arguments =
              [this] {
                ProbeConfig config;
                config.requests = true;
                config.targets = {request_->text};
                config.headers =
                    absl::StrSplit(headers_, '\n', absl::SkipEmpty());
                config.timeout = options_->timeout;
                config.expect = {{200, 299}};
                return config.ToArgs();
              },
          .record_size = sizeof(ProbeReply),
          .unprivileged = true,
          .as_command = true,
          .private_arguments = true,
          .on_record = [this](const char* bytes) { return OnReply(bytes); },
          // What the last one was asked is lost.
          .on_restarted =
              [this] {
                if (done_) Ask();
              }};
}

void HttpAction::Apply(const Reason& reason, OnDone done) {
  reason_ = reason;
  done_ = std::move(done);
  if (options_->headers_file.empty() && options_->auth_file.empty()) {
    return AskHelper();
  }
  read_.Cancel();
  read_.Start([this] { return ReadHeaders(*options_); },
              [this](const absl::StatusOr<std::string>& headers) {
                OnHeaders(headers);
              });
}

void HttpAction::OnHeaders(const absl::StatusOr<std::string>& headers) {
  if (!headers.ok()) {
    const bool words = absl::IsFailedPrecondition(headers.status());
    return Finish(false, absl::StrCat(words ? "" : "the files of its headers: ",
                                      headers.status().message()));
  }
  if (*headers != headers_) {
    headers_ = *headers;
    helper_.reset();  // it has the former ones
  }
  AskHelper();
}

void HttpAction::AskHelper() {
  if (helper_ == nullptr) {
    helper_ = std::make_unique<HelperProcess>(context_, HelperSpec());
    helper_->Start();
  }
  late_.ArmAfter(2 * options_->timeout + kHelperGrace);
  Ask();
}

// One that is being started again is asked then.
void HttpAction::Ask() {
  ProbeRequest request;
  request.id = ++asked_;
  helper_->Send(&request, sizeof(request));
}

bool HttpAction::OnReply(const char* bytes) {
  const std::optional<ProbeReply> reply = ReadProbeReply(bytes);
  if (!reply.has_value() || reply->passed > 1) return false;
  if (done_ && reply->id == asked_) Finish(reply->passed == 1, reply->text);
  return true;
}

void HttpAction::Finish(bool applied, std::string_view how) {
  late_.Cancel();
  const absl::Status result =
      ReportAction(context_.log, reason_, request_->shown, applied, how);
  if (const OnDone done = std::exchange(done_, nullptr)) done(result);
}

void HttpAction::Cancel() {
  done_ = nullptr;
  late_.Cancel();
  read_.Cancel();
  // It may be the caller.
  context_.loop->Post([gone = std::move(helper_)] {});
}

}  // namespace reinit
