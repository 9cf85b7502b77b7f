#include "supervisor/action/http_action.h"

#include <optional>
#include <utility>

#include "supervisor/action/report.h"
#include "supervisor/probe/probe_record.h"

namespace reinit {
namespace {

// As for a health check: twice the time, since it begins anew what it has
// overslept, and a moment more.
constexpr absl::Duration kHelperGrace = absl::Seconds(2);

}  // namespace

HttpAction::HttpAction(const Context& context, const ProbeTarget* request,
                       absl::Duration timeout)
    : context_(context),
      request_(request),
      timeout_(timeout),
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
                config.timeout = timeout_;
                config.expect = {{200, 299}};
                return config.ToArgs();
              },
          .record_size = sizeof(ProbeReply),
          .unprivileged = true,
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
  if (helper_ == nullptr) {
    helper_ = std::make_unique<HelperProcess>(context_, HelperSpec());
    helper_->Start();
  }
  late_.ArmAfter(2 * timeout_ + kHelperGrace);
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
      ReportAction(context_.log, reason_, request_->text, applied, how);
  if (const OnDone done = std::exchange(done_, nullptr)) done(result);
}

void HttpAction::Cancel() {
  done_ = nullptr;
  late_.Cancel();
  // It may be the caller.
  context_.loop->Post([gone = std::move(helper_)] {});
}

}  // namespace reinit
