#include "supervisor/action/exec_action.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/action/report.h"

namespace reinit {

ExecAction::ExecAction(const Context& context, std::vector<std::string> argv,
                       absl::Duration timeout, Environment environment)
    : context_(context),
      argv_(std::move(argv)),
      timeout_(timeout),
      environment_(std::move(environment)) {}

void ExecAction::Apply(const Reason& reason, OnDone done) {
  reason_ = reason;
  done_ = std::move(done);
  job_ = std::make_unique<Job>(
      context_, argv_, environment_(reason_), timeout_, Job::Output::kShown,
      [this](const Job::Result& result) { OnEnd(result); });
  job_->Start();
}

void ExecAction::OnEnd(const Job::Result& result) {
  DropJob();
  const absl::Status applied =
      ReportAction(context_.log, reason_, absl::StrCat("exec:", argv_[0]),
                   result.Success(), result.text);
  if (const OnDone done = std::exchange(done_, nullptr)) done(applied);
}

void ExecAction::Cancel() {
  done_ = nullptr;
  DropJob();
}

// It may be the caller, so it can go only when it has returned.
void ExecAction::DropJob() {
  context_.loop->Post([gone = std::move(job_)] {});
}

}  // namespace reinit
