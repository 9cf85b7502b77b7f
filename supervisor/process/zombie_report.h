// Names the processes that leave zombies behind.
#ifndef REINIT_SUPERVISOR_PROCESS_ZOMBIE_REPORT_H_
#define REINIT_SUPERVISOR_PROCESS_ZOMBIE_REPORT_H_

#include <map>
#include <vector>

#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "reaper/process_tree.h"
#include "supervisor/context.h"

namespace reinit {

// "There are still zombies" is what users of every init ask about: it reaps
// only what is handed to it, and these are not. At debug level, and only then,
// it looks every two seconds; what it saw in two looks running counts. Owned by
// the Supervisor, on the loop's thread.
class ZombieReport {
 public:
  explicit ZombieReport(const Context& context);

  void Start();

  // As of the last look, each zombie seen twice; for whoever shows the state.
  const std::vector<NeglectfulParent>& parents() const { return parents_; }

  static constexpr absl::Duration kInterval = absl::Seconds(2);

 private:
  void Look();
  void Tell(const NeglectfulParent& parent);

  const Context context_;
  EventLoop::Timer timer_;
  std::vector<pid_t> seen_;  // zombies of the last look, ascending
  std::vector<NeglectfulParent> parents_;
  std::map<pid_t, size_t> told_;  // how many, by parent
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROCESS_ZOMBIE_REPORT_H_
