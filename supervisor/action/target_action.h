// Applies a change by a signal to a process that reinit does not run.
#ifndef REINIT_SUPERVISOR_ACTION_TARGET_ACTION_H_
#define REINIT_SUPERVISOR_ACTION_TARGET_ACTION_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "supervisor/action/action.h"
#include "supervisor/context.h"
#include "supervisor/options.h"
#include "supervisor/side/memory_read.h"
#include "supervisor/side/side_read.h"

namespace reinit {

// Of a sidecar: the target lives in another container of the pod and is looked
// for anew each time. Sent to all that are meant, or not applied; a retry sends
// it to those that have not had it. A pid file is read by a child, since its
// file system may hang, and so are arguments, since a process may hang whoever
// reads them: such a process is warned of once, and is no target.
class TargetAction : public Action {
 public:
  // Ends reinit.
  using Fail = std::function<void(const std::string& why)>;

  // `target` is borrowed.
  TargetAction(const Context& context, int signo, const TargetOptions* target,
               Fail fail);

  void Begin() override;
  void Apply(const Reason& reason, OnDone done) override;
  void Retry(const Reason& reason, OnDone done) override;
  bool StartWillDo() const override { return false; }
  void Cancel() override;

 private:
  using Found = absl::StatusOr<std::vector<ProcessInfo>>;

  using Then = std::function<void(const Found&)>;

  void Find(Then then);
  void Pick(pid_t pid, const Then& then, int looks = 1);
  void OnRead(const std::vector<MemoryRead::Result>& results);
  Found Judge(std::vector<ProcessInfo> found) const;
  void OnBegin(const Found& found);
  void OnFound(const Reason& reason, const Found& found, const OnDone& done);
  absl::Status Send(const ProcessInfo& process) const;
  bool Missing(const absl::Status& status);
  std::string Wanted() const;

  const Context context_;
  const int signo_;
  const TargetOptions* const target_;
  const Fail fail_;
  SideRead read_;  // of the pid file
  MemoryRead arguments_;
  std::function<void()> again_;  // when arguments are read; or null
  std::map<MemoryRead::Key, std::string> lines_;  // the arguments
  std::set<MemoryRead::Key> hanging_;
  bool missing_told_ = false;
  // Who has had the last change, by pid and start time.
  std::vector<std::pair<pid_t, uint64_t>> have_it_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_ACTION_TARGET_ACTION_H_
