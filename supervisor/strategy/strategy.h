// What decides that the process should be started anew.
#ifndef REINIT_SUPERVISOR_STRATEGY_STRATEGY_H_
#define REINIT_SUPERVISOR_STRATEGY_STRATEGY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "reaper/exit_status.h"
#include "reaper/os.h"
#include "supervisor/instance_state.h"
#include "supervisor/notify/notify_message.h"

namespace reinit {

// Why the process is started anew.
struct Reason {
  enum class Cause {
    kFile,
    kSignal,   // --reload-signal
    kControl,  // reinit ctl
    kHealth,
    kExit,
    kNotReady,
    kWatchdog,
    kMemory,
    kAge,
  };
  static constexpr int kCauses = static_cast<int>(Cause::kAge) + 1;
  Cause cause = Cause::kExit;
  std::string text;        // for people: "src/app.py and 3 more"
  std::string changed;     // for the child: the path, if one is known
  absl::Duration settled;  // how long was waited for quiet (kFile)
  // Digest of all that is watched, with this change (kFile).
  std::optional<uint64_t> content = std::nullopt;
  // By when all of it had been done, at the latest (kFile).
  absl::Time done_by = absl::InfiniteFuture();

  // Something that --on-change is for; else the process itself is the matter.
  bool IsChange() const {
    return cause == Cause::kFile || cause == Cause::kSignal ||
           cause == Cause::kControl;
  }
  // Reloads never use the restart budget, failures do.
  bool IsFailure() const { return !IsChange() && cause != Cause::kAge; }
};

std::string_view ToString(Reason::Cause cause);

// What a strategy may know of the instance; a copy.
struct View {
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
struct Launch {
  std::vector<std::string> environment;  // KEY=value
  std::vector<PassedDescriptor> descriptors;
};

// What is shown of one health check.
struct CheckStatus {
  enum class State { kUnknown, kPassing, kFailing };
  std::string check;  // as given
  State state = State::kUnknown;
  int failures = 0;                               // in a row, that counted
  std::string text;                               // the last result in words
  absl::Duration ago = absl::InfiniteDuration();  // infinite: none yet
};

// One rule, with the source that feeds it (a helper, a timer, nothing). Owned
// by the Supervisor, on its thread. A new strategy is one pair of files, one
// line in the registry, its flag rows and one test; the rule itself is a pure
// function beside it.
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
  virtual std::optional<Reason> ShouldRestart(const View& view) = 0;

  // Why reinit itself must end, so that whoever started it does so anew;
  // nothing: it need not. Asked when the strategy woke the loop.
  virtual std::optional<std::string> MustEnd() { return std::nullopt; }

  // A process is about to be started. What is passed must stay open until
  // the instance has moved.
  virtual void Prepare(Launch* launch) { (void)launch; }

  // What the process, or one of its own, said of itself (sd_notify).
  virtual void OnNotify(const NotifyMessage& message) { (void)message; }

  // The instance moved; `view` is how it is now.
  virtual void OnInstance(const View& view) { (void)view; }

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
