// Holds what the user asked for, as plain values: the command line fills it,
// the supervisor reads it. Defaults are those of the flag table
// (cmd/flags/flag_table.h).
#ifndef REINIT_SUPERVISOR_OPTIONS_H_
#define REINIT_SUPERVISOR_OPTIONS_H_

#include <signal.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "supervisor/probe/target.h"
#include "supervisor/socket/listen_spec.h"
#include "supervisor/value/exit_codes.h"
#include "supervisor/value/signal_map.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/filter/filter.h"

namespace reinit {

struct WatchOptions {
  enum class Mode {
    kAuto,     // inotify, a slow scan beside it, polling where it fails
    kInotify,  // the same without the scan
    kPoll,
  };
  std::vector<std::string> paths;  // as given; empty: nothing is watched
  Mode mode = Mode::kAuto;
  WatchCompare compare = WatchCompare::kAuto;
  absl::Duration scan = absl::Seconds(30);  // with kAuto; 0: never
  // Not given: less often where it costs much and finds nothing (scan_pace.h).
  bool scan_adapts = true;
  absl::Duration settle = absl::Milliseconds(50);
  // Not given: one finished save waits less (supervisor/watch/settle.h).
  bool settle_adapts = true;
  FilterOptions filter;
  enum class OnStaleMount { kWarn, kExit };
  OnStaleMount on_stale_mount = OnStaleMount::kWarn;
};

// As the start message calls it.
inline std::string_view StrategyName(const WatchOptions& watch) {
  if (watch.mode != WatchOptions::Mode::kPoll) return "inotify";
  return watch.compare == WatchCompare::kHash ? "hash" : "mtime";
}

// What being unhealthy leads to.
struct OnUnhealthy {
  enum class What { kRestart, kExit, kSignal, kNone };
  What what = What::kRestart;
  int signal = 0;  // kSignal
};

struct HealthOptions {
  std::vector<ProbeTarget> checks;              // all must pass
  absl::Duration interval = absl::Seconds(10);  // end of one to start of next
  absl::Duration timeout = absl::Seconds(3);
  int retries = 3;  // consecutive failures that make it unhealthy
  absl::Duration start_period = absl::Seconds(60);
  std::vector<std::pair<int, int>> expect = {{200, 399}};  // inclusive ranges
  OnUnhealthy on_failure;
};

struct ReadyOptions {
  enum class Kind {
    kDefault,  // as the health checks say, else as kExec
    kExec,
    kDelay,
    kNotify,
    kDescriptor,
    kAccept,  // its sockets are served
    kCheck
  };
  Kind kind = Kind::kDefault;
  absl::Duration delay;            // kDelay
  int descriptor = -1;             // kDescriptor
  std::vector<ProbeTarget> check;  // kCheck: one
  absl::Duration timeout = absl::Seconds(60);
  std::string file;  // exists while ready; empty: none
};

// One of --on-change; they are done in order.
struct ChangeAction {
  enum class Kind { kRestart, kSignal, kHttp, kExec, kExit, kNone };
  Kind kind = Kind::kRestart;
  int value = 0;                       // the signal, or the exit code
  std::string text = {};               // as given
  ProbeTarget request = {};            // kHttp
  std::vector<std::string> argv = {};  // kExec
};

struct ReloadOptions {
  std::vector<ChangeAction> on_change;  // empty: restart
  std::vector<std::string> check;       // argv, run before; or empty
  absl::Duration timeout = absl::Seconds(30);
  absl::Duration retry_delay = absl::Seconds(5);
  int signal = 0;  // to reinit, means reload; 0: none
  // What http: actions send beside their own header, with its secrets: files
  // that are read each time. Empty: none.
  std::string headers_file;
  std::string auth_file;
  // Of a sidecar: whether its start counts as a change, since somebody may have
  // changed what is watched while no reinit was there.
  enum class OnStart { kNone, kApply };
  OnStart on_start = OnStart::kNone;
  // Has the digest of what was applied last; the start is no change if that is
  // what is there. Empty: each start is one.
  std::string on_start_file;
};

// Without a command: whom signal actions go to. What is given must all match.
struct TargetOptions {
  enum class OnMissing { kWait, kFail };
  std::string process;  // its name, as in /proc/PID/comm
  std::string cmdline;  // glob over its arguments, joined by blanks
  std::string pidfile;
  bool all = false;    // more than one may match
  bool force = false;  // also what would end one that has no handler for it
  OnMissing on_missing = OnMissing::kWait;

  bool Given() const {
    return !process.empty() || !cmdline.empty() || !pidfile.empty();
  }
};

struct LimitOptions {
  int64_t memory = 0;  // bytes; 0: no limit
  absl::Duration age = absl::InfiniteDuration();
  absl::Duration watchdog = absl::InfiniteDuration();
};

struct RestartOptions {
  enum class Policy { kNo, kOnFailure, kOnAbnormal, kAlways };
  enum class LimitAction { kExit, kStay };
  enum class Order { kStopFirst, kStartFirst };
  Policy policy = Policy::kNo;
  ExitCodes prevent;  // never restarted after these, whatever the policy
  ExitCodes force;    // always restarted after these, unless prevented
  absl::Duration delay = absl::Milliseconds(100);
  absl::Duration delay_max = absl::Seconds(10);
  absl::Duration reset = absl::Seconds(60);
  int limit_burst = 10;  // 0: no limit
  absl::Duration limit_interval = absl::Minutes(5);
  LimitAction limit_action = LimitAction::kExit;
  Order order = Order::kStopFirst;
};

struct StopOptions {
  int signal = SIGTERM;
  int reload_signal = 0;  // for a reload; 0: the same
  absl::Duration timeout = absl::Seconds(10);
  absl::Duration leftover_timeout = absl::Seconds(2);
  absl::Duration shutdown_timeout = absl::InfiniteDuration();
  absl::Duration drain_delay;
};

struct SignalOptions {
  enum class ForwardTo { kProcess, kGroup };
  ForwardTo forward_to = ForwardTo::kProcess;
  SignalMap rewrite;
};

inline constexpr int kMaxWorkers = 1024;

// Of N processes with the same command, see supervisor/workers/workers.h.
struct WorkersOptions {
  int count = 1;  // 1: one process, and none of this counts
  // --workers was given: {worker} is a number, even if there is only one.
  bool given = false;
  std::string count_reason;  // of `auto`: how the count came about; or empty
  int self = 0;              // of a worker's own options: its number, from 1
  int ready = 0;        // so many serve when reinit is ready; 0: see Workers
  int parallelism = 1;  // so many are replaced at a time
  absl::Duration monitor = absl::ZeroDuration();  // after each replacement
  bool scale_signals = false;  // TTIN and TTOU change the number
  bool log_prefix = false;     // "[2] " before each line of output
};

struct ProcessOptions {
  UserProcess as;                        // its signals are filled in by main
  std::vector<std::string> environment;  // KEY=value, over what we have
  std::vector<std::string> environment_files;  // read again at each start
  std::vector<std::string> pre_start;  // argv, run before each start; or empty
  std::vector<std::string> post_stop;  // argv, run after each end; or empty
  // No terminal, as for one of several workers: stdin is /dev/null, and when
  // the process is stopped, reinit goes on.
  bool background = false;
};

// Where a plain init stands in for another one and that one's users count on
// what differs (cmd/personality). Of no effect when supervising.
struct InitRules {
  bool ends_at_once = false;       // nobody is waited for at the end
  bool term_group_at_end = false;  // but the process's group gets this much
  bool own_group = true;           // the process leads a process group
  bool own_session = false;        // the process leads a session
  bool suspends_itself = false;    // after TSTP, TTIN or TTOU was passed on
};

enum class Subreaper { kAuto, kYes, kNo };

enum class AfterExit { kExit, kWait };

// Values of --control: at kControlPath where that can be, or nowhere.
inline constexpr std::string_view kControlPath = "/run/reinit.sock";
inline constexpr std::string_view kControlAuto = "auto";
inline constexpr std::string_view kControlOff = "off";

struct Options {
  std::vector<std::string> command;  // argv of the supervised process

  absl::Duration reload_delay = absl::Milliseconds(500);
  WatchOptions watch;
  HealthOptions health;
  ReadyOptions ready;
  ListenOptions listen;
  ReloadOptions reload;
  TargetOptions target;
  LimitOptions limits;
  RestartOptions restart;
  WorkersOptions workers;
  StopOptions stop;
  AfterExit after_exit = AfterExit::kExit;
  ExitCodes success;  // reinit then exits with 0
  SignalOptions signals;
  ProcessOptions process;
  InitRules init;
  Subreaper subreaper = Subreaper::kAuto;
  int parent_death_signal = 0;  // 0: none
  std::string termination_log;  // empty: none
  // Where `reinit ctl` finds us: a path, kControlAuto or kControlOff.
  std::string control{kControlAuto};
  std::optional<ListenSpec> status_listen;  // none: no status server
  LogLevel log_level = LogLevel::kInfo;
  // Not under a personality, whose words are those of another program.
  LogFormat log_format = LogFormat::kText;
  bool clear = false;  // clear the terminal before each start

  // Nothing is run: what changes is told to others.
  bool Sidecar() const { return command.empty(); }

  // Whether some end of the process can lead to a restart.
  bool RestartsAfterExit() const {
    return restart.policy != RestartOptions::Policy::kNo ||
           !restart.force.empty();
  }

  // Whether reinit restarts the process for a reason other than a change: then
  // --restart-delay and --start-limit-* count.
  bool RestartsByItself() const {
    return RestartsAfterExit() ||
           (!health.checks.empty() &&
            health.on_failure.what == OnUnhealthy::What::kRestart) ||
           ready.kind != ReadyOptions::Kind::kDefault || Limited();
  }

  // True when anything but plain init duties was asked for: then TERM, INT and
  // QUIT mean "down", and reinit stays while it has a reason to.
  bool Supervising() const {
    return workers.count > 1 || !watch.paths.empty() ||
           !health.checks.empty() || RestartsAfterExit() ||
           after_exit == AfterExit::kWait || reload.signal != 0 ||
           ready.kind != ReadyOptions::Kind::kDefault || !ready.file.empty() ||
           !listen.sockets.empty() || Limited() ||
           stop.drain_delay > absl::ZeroDuration() || HasControlPath() ||
           status_listen.has_value() ||
           stop.shutdown_timeout != absl::InfiniteDuration() ||
           workers.count > 1 || workers.self > 0;
  }

  // --control names a path, which is then to be there.
  bool HasControlPath() const {
    return control != kControlAuto && control != kControlOff;
  }

  bool Limited() const {
    return limits.memory != 0 || limits.age != absl::InfiniteDuration() ||
           limits.watchdog != absl::InfiniteDuration();
  }

  // Whether the descriptor of --ready=fd:N is one of so many sockets' numbers.
  bool ReadyDescriptorTaken(size_t sockets) const {
    return sockets > 0 && ready.kind == ReadyOptions::Kind::kDescriptor &&
           ready.descriptor < kFirstPassedSocket + static_cast<int>(sockets);
  }

  // Whether the process gets a NOTIFY_SOCKET of ours.
  bool Listens() const {
    return ready.kind == ReadyOptions::Kind::kNotify ||
           limits.watchdog != absl::InfiniteDuration();
  }
};

// Whether reinit stays, without a process, when restarting did not help.
inline bool StaysAfterGivingUp(const Options& options) {
  return options.restart.limit_action == RestartOptions::LimitAction::kStay ||
         options.after_exit == AfterExit::kWait;
}

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_OPTIONS_H_
