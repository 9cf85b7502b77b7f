// Makes the actions that --on-change names.
#ifndef REINIT_SUPERVISOR_ACTION_REGISTRY_H_
#define REINIT_SUPERVISOR_ACTION_REGISTRY_H_

#include <functional>
#include <memory>

#include "supervisor/action/action.h"
#include "supervisor/action/exec_action.h"
#include "supervisor/action/signal_action.h"
#include "supervisor/action/target_action.h"
#include "supervisor/context.h"
#include "supervisor/options.h"

namespace reinit {

// What actions have the Supervisor do.
struct ActionHooks {
  RestartAction::Restart restart;
  SignalAction::Send signal;
  ExecAction::Environment environment;
  std::function<void(int code)> exit;
  TargetAction::Fail fail;
};

// What `options` has --on-change do, in order. `options` is borrowed.
std::unique_ptr<Action> MakeAction(const Context& context,
                                   const Options* options, ActionHooks hooks);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_REGISTRY_H_
