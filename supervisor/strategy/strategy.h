// Defines a strategy: it says when to reload or restart the process.
#ifndef REINIT_SUPERVISOR_STRATEGY_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_STRATEGY_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "reaper/os.h"
#include "reaper/value/exit_status.h"
#include "supervisor/notify/notify_message.h"
#include "supervisor/process/instance_state.h"
#include "supervisor/reason.h"
#include "supervisor/status.h"

namespace reinit {

// What a strategy may know of the instance; a copy.
struct InstanceView {
  int generation = 0;
  InstanceState state = InstanceState::kGone;  // kGone: there is none
  pid_t pid = 0;                               // 0: there is none
  // How its own are found: see MembersOf.
  pid_t group = 0;
  std::string mark;
  // Another instance serves the same sockets: what comes through them says
  // nothing about this one.
  bool shares_sockets = false;
  // Set when it ended by itself, and only then.
  std::optional<ExitStatus> ended;
};

// What a strategy adds to a start.
struct LaunchExtras {
  // What hooks of this start have, to be read: for a strategy's own commands.
  std::vector<std::string> hooks;
  std::vector<std::string> environment;  // KEY=value
  std::vector<PassedDescriptor> descriptors;
};

// One rule, with the source that feeds it (a helper, a timer, nothing). Owned
// by the Supervisor, on its thread. CONTRIBUTING.md lists the files of a new
// strategy; its rule is a pure function.
class Strategy {
 public:
  enum class Wake {
    kNoticed,  // something is going on and has not settled yet
    kAsk,      // ask ShouldRestart, or Ready, again
  };
  using WakeFn = std::function<void(Wake)>;

  virtual ~Strategy() = default;

  // As the start message calls it.
  virtual std::string_view name() const = 0;

  // Starts its source. `wake` may be called at any time from then on, but not
  // from within this call, and does not call back into the strategy.
  virtual void Start(WakeFn wake) = 0;

  // Why the process should be started anew, or nothing. Asked when the
  // strategy woke the loop, and whenever it becomes possible to act; an answer
  // is a change handed over: it is not given twice.
  virtual std::optional<Reason> ShouldRestart(const InstanceView& view) = 0;

  // Why reinit itself must end, so that whoever started it does so anew;
  // nothing: it need not. Asked when the strategy woke the loop.
  virtual std::optional<std::string> MustEnd() { return std::nullopt; }

  // A process is about to be started. What is passed must stay open until
  // the instance has moved.
  virtual void Prepare(LaunchExtras* launch) { (void)launch; }

  // What the process, or one of its own, said of itself (sd_notify).
  virtual void OnNotify(const NotifyMessage& message) { (void)message; }

  // The instance moved; `view` is how it is now.
  virtual void OnInstance(const InstanceView& view) { (void)view; }

  // Whether, as far as this strategy can tell, the instance serves.
  virtual bool Ready() const { return true; }

  // What to tell people when it has not become that in time; empty: nothing.
  virtual std::string WhyNotReady() const { return ""; }

  // Adds what is to be shown of its health checks, if it has any.
  virtual void AddChecks(std::vector<CheckStatus>* to) const { (void)to; }

  // Whether it is the one that --ready names: then it alone is asked.
  virtual bool DecidesReady() const { return false; }
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STRATEGY_STRATEGY_H_
