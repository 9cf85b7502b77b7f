#include "supervisor/action/registry.h"

#include <utility>
#include <vector>

#include "supervisor/action/action_list.h"
#include "supervisor/action/http_action.h"

namespace reinit {
namespace {

class ExitAction : public Action {
 public:
  ExitAction(int code, std::function<void(int)> exit)
      : code_(code), exit_(std::move(exit)) {}
  // The end of reinit is not awaited.
  void Apply(const Reason&, OnDone) override { exit_(code_); }

 private:
  const int code_;
  const std::function<void(int)> exit_;
};

class NoAction : public Action {
 public:
  void Apply(const Reason&, OnDone done) override { done(absl::OkStatus()); }
};

std::unique_ptr<Action> MakeOne(const Context& context, const Options* options,
                                const ChangeAction& wanted,
                                const ActionHooks& hooks) {
  switch (wanted.kind) {
    case ChangeAction::Kind::kRestart:
      return std::make_unique<RestartAction>(hooks.restart);
    case ChangeAction::Kind::kSignal:
      if (options->Sidecar()) {
        return std::make_unique<TargetAction>(context, wanted.value,
                                              &options->target, hooks.fail);
      }
      return std::make_unique<SignalAction>(
          context, wanted.value,
          options->ready.kind == ReadyOptions::Kind::kNotify
              ? options->reload.timeout
              : absl::ZeroDuration(),
          hooks.signal);
    case ChangeAction::Kind::kHttp:
      return std::make_unique<HttpAction>(context, &wanted.request,
                                          &options->reload);
    case ChangeAction::Kind::kExec:
      return std::make_unique<ExecAction>(
          context, wanted.argv, options->reload.timeout, hooks.environment);
    case ChangeAction::Kind::kExit:
      return std::make_unique<ExitAction>(wanted.value, hooks.exit);
    case ChangeAction::Kind::kNone:
      break;
  }
  return std::make_unique<NoAction>();
}

}  // namespace

std::unique_ptr<Action> MakeAction(const Context& context,
                                   const Options* options, ActionHooks hooks) {
  std::vector<std::unique_ptr<Action>> actions;
  for (const ChangeAction& wanted : options->reload.on_change) {
    actions.push_back(MakeOne(context, options, wanted, hooks));
  }
  if (actions.empty()) {
    return std::make_unique<RestartAction>(std::move(hooks.restart));
  }
  if (actions.size() == 1) return std::move(actions[0]);
  return std::make_unique<ActionList>(std::move(actions));
}

}  // namespace reinit
