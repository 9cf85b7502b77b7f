// Applies a change by a command.
#ifndef REINIT_SUPERVISOR_ACTION_EXEC_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_EXEC_ACTION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "supervisor/action/action.h"
#include "supervisor/context.h"
#include "supervisor/process/job.h"

namespace reinit {

// Runs it to its end, like a hook; exit status 0 is applied.
class ExecAction : public Action {
 public:
  // What the command gets, REINIT_REASON and REINIT_CHANGED included.
  using Environment = std::function<std::vector<std::string>(const Reason&)>;

  ExecAction(const Context& context, std::vector<std::string> argv,
             absl::Duration timeout, Environment environment);

  void Apply(const Reason& reason, OnDone done) override;
  bool StartWillDo() const override { return false; }
  void Cancel() override;

 private:
  void OnEnd(const Job::Result& result);
  void DropJob();

  const Context context_;
  const std::vector<std::string> argv_;
  const absl::Duration timeout_;
  const Environment environment_;
  std::unique_ptr<Job> job_;
  Reason reason_;
  OnDone done_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_EXEC_ACTION_H_
