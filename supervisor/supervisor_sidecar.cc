// The Supervisor's part that has no process: what changes is told to others.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "supervisor/child_environment.h"
#include "supervisor/supervisor.h"

namespace reinit {

void Supervisor::StartSidecar() {
  mark_ = NewInstanceMark();
  std::vector<std::string_view> names;
  for (const auto& strategy : strategies_) names.push_back(strategy->name());
  const std::string actions =
      absl::StrJoin(options_->reload.on_change, ", ",
                    [](std::string* out, const ChangeAction& action) {
                      *out += action.text;
                    });
  const std::string paths = absl::StrJoin(options_->watch.paths, ", ");
  context_.log->Event(
      LogLevel::kInfo, "watching",
      absl::StrCat("watching",
                   names.empty() ? ""
                                 : absl::StrCat(" ", paths, " using ",
                                                absl::StrJoin(names, ", ")),
                   ", on a change: ", actions),
      {{"paths", paths}, {"actions", actions}});
  RefreshEnvironment(&Supervisor::BeginSidecar);
}

void Supervisor::BeginSidecar() {
  ShowReady();
  action_->Begin();
  rest_timer_.ArmAfter(absl::Milliseconds(100));
  Ask();
}

std::string Supervisor::SidecarState() const {
  switch (change_) {
    case ChangeState::kChecking:
    case ChangeState::kApplying:
      return "reloading";
    case ChangeState::kPending:
      return "pending";
    case ChangeState::kNone:
    case ChangeState::kSettling:
      break;
  }
  return "watching";
}

// Nothing that is wrong with the process itself.
void Supervisor::Fail(const std::string& why) {
  if (end_ != End::kStaying) return;
  end_reason_ = why;
  context_.log->Event(LogLevel::kError, "failed", why, {{"reason", why}});
  Shutdown(1);
  StopBoth();
}

}  // namespace reinit
