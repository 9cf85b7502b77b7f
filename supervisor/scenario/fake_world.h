// Fakes a world without a kernel, for tests: processes that live and die on
// command, and time that moves when it is told to.
#ifndef REINIT_SUPERVISOR_SCENARIO_FAKE_WORLD_H_
#define REINIT_SUPERVISOR_SCENARIO_FAKE_WORLD_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "reaper/child_table.h"
#include "reaper/event_loop.h"
#include "reaper/fake_clock.h"
#include "reaper/log.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "supervisor/context.h"
#include "supervisor/process/mark_reader.h"
#include "supervisor/strategy/strategy.h"

namespace reinit {

class RecordingLog : public Log {
 public:
  void Write(LogLevel level, std::string_view line) override {
    lines_.emplace_back(line);
    last_level_ = level;
  }
  void Event(LogLevel level, std::string_view event, std::string_view line,
             absl::Span<const LogField> fields) override {
    Write(level, line);
    events_.push_back(std::string(event));
    for (const LogField& field : fields) {
      if (const auto* number = std::get_if<int64_t>(&field.value)) {
        absl::StrAppend(&events_.back(), " ", field.key, "=", *number);
      } else if (const auto* text =
                     std::get_if<std::string_view>(&field.value)) {
        absl::StrAppend(&events_.back(), " ", field.key, "=", *text);
      }
    }
  }
  bool Enabled(LogLevel level) const override { return level <= level_; }
  void set_level(LogLevel level) { level_ = level; }
  void ClearTerminal() override { ++cleared_; }
  const std::vector<std::string>& lines() const { return lines_; }
  // Those with a name and values: "started generation=1 pid=100".
  const std::vector<std::string>& events() const { return events_; }
  LogLevel last_level() const { return last_level_; }
  int cleared() const { return cleared_; }

 private:
  std::vector<std::string> lines_;
  std::vector<std::string> events_;
  LogLevel last_level_ = LogLevel::kDebug;
  LogLevel level_ = LogLevel::kInfo;
  int cleared_ = 0;
};

// Processes are entries of a map. Each obeys TERM, INT, QUIT, HUP and KILL
// unless told otherwise.
class FakeOs : public Os {
 public:
  using Os::Send;
  static constexpr pid_t kSelf = 10;

  struct Process {
    SpawnRequest request;
    pid_t parent = kSelf;
    bool deaf = false;        // ignores everything but KILL
    bool unkillable = false;  // ignores KILL too (state D)
    bool forbidden = false;   // no signal to it is permitted
    bool marked = true;       // its environment carries the instance's mark
    std::string mark;         // which is this
    pid_t group = 0;          // 0: its own
    char state = 'S';
    std::string name;
    std::vector<int> received;
    UniqueFd passed_fd;  // a copy of what was to become its descriptor 3
    std::map<int, UniqueFd> descriptors;  // and of others
    bool withstands = true;               // any signal
    bool kernel_thread = false;
    std::string cmdline;
    uint64_t started = 0;
    pid_t tracer = 0;
    bool ending = false;      // its environment cannot be read any more
    bool unreadable = false;  // its environment
    int refuses = 0;          // errno of who sends it a signal as a stranger
    int64_t resident = 0;
    std::optional<absl::Duration> processor_time = absl::ZeroDuration();
  };

  absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) override {
    ++spawns_;
    if (spawn_errors_ > 0) {
      --spawn_errors_;
      return absl::ErrnoToStatus(spawn_error_, "fork");
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      return absl::ErrnoToStatus(errno, "pipe2");
    }
    Spawned spawned{next_pid_++, UniqueFd(ends[0])};
    UniqueFd writer(ends[1]);
    Process& process = processes_[spawned.pid];
    process.request = request;
    process.deaf = deaf_by_default_;
    for (const std::string& entry : request.environment) {
      if (absl::StartsWith(entry, "REINIT_INSTANCE=")) process.mark = entry;
    }
    for (const PassedDescriptor& one : request.descriptors) {
      process.descriptors[one.as].reset(::dup(one.fd));
    }
    if (request.pass_fd >= 0) process.passed_fd.reset(::dup(request.pass_fd));
    last_ = spawned.pid;
    if (hold_exec_) {
      held_[spawned.pid] = std::move(writer);
    } else if (exec_error_ != 0) {
      SpawnFailure failure;
      failure.error = exec_error_;
      ExplainExecFailure(request.argv[0], request.environment, exec_error_)
          .copy(failure.words, sizeof(failure.words) - 1);
      [[maybe_unused]] const ssize_t written =
          ::write(writer.get(), &failure, sizeof(failure));
      Exit(spawned.pid, {.code = exec_error_ == ENOENT ? 127 : 126});
    } else if (request.awaits_exec) {
      spawned.result.reset();
    }
    return spawned;
  }

  // Done at once, unless it is to be held.
  absl::StatusOr<pid_t> Fork(absl::FunctionRef<int()> work) override {
    if (fork_fails_) return absl::ErrnoToStatus(EAGAIN, "fork");
    ++forks_;
    last_fork_ = next_pid_++;
    processes_[last_fork_].marked = false;
    if (!hold_forks_) Exit(last_fork_, {.code = work()});
    return last_fork_;
  }

  // Takes it itself, and counts as stopped.
  absl::StatusOr<pid_t> ForkToReceive(int socket) override {
    if (fork_fails_) return absl::ErrnoToStatus(EAGAIN, "fork");
    const pid_t pid = next_pid_++;
    processes_[pid].marked = false;
    char text[1];
    [[maybe_unused]] const ssize_t got =
        ::recv(socket, text, sizeof(text), MSG_DONTWAIT);
    stops_.emplace_back(pid, SIGSTOP);
    return pid;
  }

  absl::StatusOr<pid_t> CloseByChild(std::vector<UniqueFd>* sockets) override {
    if (fork_fails_) return absl::ErrnoToStatus(EAGAIN, "fork");
    const pid_t pid = next_pid_++;
    processes_[pid].marked = false;
    sockets->clear();
    Exit(pid, {.signal = SIGKILL});
    return pid;
  }

  Reaped ReapOne() override {
    Reaped reaped;
    if (!stops_.empty()) {
      reaped.what = Reaped::What::kStopped;
      std::tie(reaped.pid, reaped.stop_signal) = stops_.front();
      stops_.pop_front();
      return reaped;
    }
    if (ended_.empty()) {
      bool children = false;
      for (const auto& [pid, process] : processes_) {
        children = children || process.parent == kSelf;
      }
      reaped.what =
          children ? Reaped::What::kNoneReady : Reaped::What::kNoChildren;
      return reaped;
    }
    reaped = {Reaped::What::kProcess, ended_.front().first,
              ended_.front().second, 0};
    ended_.pop_front();
    return reaped;
  }

  int Send(pid_t pid, const SignalInfo& signal) override {
    // Every process leads a group of one.
    if (pid < -1) pid = -pid;
    const auto found = processes_.find(pid);
    if (found == processes_.end()) return ESRCH;
    Process& process = found->second;
    if (process.forbidden) return EPERM;
    if (signal.signo == 0) return 0;
    process.received.push_back(signal.signo);
    sent_.emplace_back(pid, signal.signo);
    const bool ends = signal.signo == SIGTERM || signal.signo == SIGINT ||
                      signal.signo == SIGQUIT || signal.signo == SIGHUP;
    if (signal.signo == SIGKILL ? !process.unkillable : ends && !process.deaf) {
      Exit(pid, {.signal = signal.signo});
    }
    return 0;
  }

  std::vector<ProcessInfo> Processes() override {
    ++looks_;
    if (no_proc_) return {};
    std::vector<ProcessInfo> result = {{kSelf, 1, kSelf, kSelf, 'S', ""}};
    if (blind_looks_ > 0) {
      --blind_looks_;
      return result;
    }
    for (const auto& [pid, process] : processes_) {
      result.push_back({pid, process.parent,
                        process.group != 0 ? process.group : pid, pid,
                        process.state, process.name, process.kernel_thread,
                        process.started, process.ending});
    }
    return result;
  }

  std::optional<ProcessInfo> ReadProcess(pid_t pid) override {
    if (no_proc_) return {};
    if (pid == kSelf) return ProcessInfo{kSelf, 1, kSelf, kSelf, 'S', ""};
    const auto found = processes_.find(pid);
    if (found == processes_.end()) return {};
    const Process& process = found->second;
    return ProcessInfo{pid,
                       process.parent,
                       process.group != 0 ? process.group : pid,
                       pid,
                       process.state,
                       process.name,
                       process.kernel_thread,
                       process.started,
                       process.ending};
  }

  std::optional<std::vector<pid_t>> Children() override {
    if (no_proc_ || no_children_file_) return {};
    std::vector<pid_t> result;
    if (blind_looks_ > 0) {
      --blind_looks_;
      return result;
    }
    for (const auto& [pid, process] : processes_) {
      if (process.parent == kSelf) result.push_back(pid);
    }
    return result;
  }

  // At once: a fake has no depth.
  std::vector<ProcessInfo> Below(absl::Span<const pid_t> roots) override {
    ++looks_;
    std::vector<pid_t> pids(roots.begin(), roots.end());
    std::vector<ProcessInfo> result;
    for (size_t i = 0; i < pids.size(); ++i) {
      for (const auto& [pid, process] : processes_) {
        if (process.parent == pids[i] &&
            std::find(pids.begin(), pids.end(), pid) == pids.end()) {
          pids.push_back(pid);
        }
      }
      if (auto info = ReadProcess(pids[i])) result.push_back(*std::move(info));
    }
    return result;
  }

  std::optional<std::string> EnvironmentOf(pid_t pid) override {
    ++environments_read_;
    const auto found = processes_.find(pid);
    if (no_proc_ || found == processes_.end() || found->second.ending ||
        found->second.unreadable) {
      return std::nullopt;
    }
    const Process& process = found->second;
    std::string all = "HOME=/";
    all.push_back('\0');
    if (!process.marked) return all;
    absl::StrAppend(&all, process.mark);
    for (const std::string& entry : process.request.environment) {
      all.push_back('\0');
      absl::StrAppend(&all, entry);
    }
    return all;
  }

  std::optional<bool> Withstands(pid_t pid, int) override {
    return processes_[pid].withstands;
  }
  std::optional<pid_t> TracerOf(pid_t pid) override {
    return processes_[pid].tracer;
  }
  std::string CommandLine(pid_t pid) override {
    return processes_[pid].cmdline;
  }
  std::optional<uid_t> UserOf(pid_t) override { return 1001; }
  int SendToStranger(const ProcessInfo& info, int signo) override {
    const auto found = processes_.find(info.pid);
    if (found == processes_.end() || found->second.started != info.started) {
      return ESRCH;
    }
    if (found->second.refuses != 0) return found->second.refuses;
    return Send(info.pid, SignalInfo{.signo = signo});
  }
  int64_t ResidentBytes(pid_t pid) override { return processes_[pid].resident; }
  std::optional<absl::Duration> ProcessorTime(pid_t pid) override {
    return processes_[pid].processor_time;
  }
  std::optional<int64_t> OomKills() override {
    ++oom_looks_;
    char announced[1];
    [[maybe_unused]] const ssize_t got =
        ::recv(oom_reader_.get(), announced, sizeof(announced),
               MSG_OOB | MSG_DONTWAIT);
    return oom_kills_;
  }
  // A socket: out-of-band data is EPOLLPRI, as a change of memory.events is.
  UniqueFd OpenOomEvents() override {
    int ends[2];
    if (!has_oom_events_ ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return UniqueFd();
    }
    oom_writer_.reset(ends[1]);
    oom_reader_.reset(::dup(ends[0]));
    return UniqueFd(ends[0]);
  }

  pid_t GroupOf(pid_t pid) override {
    if (pid == 0) return kSelf;
    const Process& process = processes_[pid];
    if (process.group != 0) return process.group;
    return process.request.own_group ? pid : kSelf;
  }

  pid_t Self() override { return kSelf; }
  bool CanBeContinued() override { return can_be_continued_; }
  void StopSelf() override { ++stopped_self_; }
  void ReleaseInherited() override { ++released_; }
  void ReleaseStartPages() override {}

  // What a test does.
  void Exit(pid_t pid, ExitStatus status) {
    if (processes_.erase(pid) == 0) return;
    held_.erase(pid);
    ended_.emplace_back(pid, status);
    for (auto& [child, process] : processes_) {
      if (process.parent == pid) process.parent = kSelf;
    }
  }
  void Stop(pid_t pid, int signo) { stops_.emplace_back(pid, signo); }
  pid_t AddChildOf(pid_t parent) {
    Process& child = processes_[next_pid_];
    child.parent = parent;
    if (parent != kSelf) {
      child.mark = processes_[parent].mark;
      child.request.environment = processes_[parent].request.environment;
    }
    return next_pid_++;
  }
  // Of somebody else's, who reaps it too.
  pid_t AddStranger(const std::string& name, pid_t parent = 0) {
    Process& process = processes_[next_pid_];
    process.parent = parent;
    process.name = name;
    process.started = static_cast<uint64_t>(next_pid_);
    return next_pid_++;
  }
  void Vanish(pid_t pid) { processes_.erase(pid); }
  void Executed(pid_t pid) { held_.erase(pid); }
  bool Alive(pid_t pid) const { return processes_.count(pid) > 0; }
  Process& process(pid_t pid) { return processes_[pid]; }
  const std::map<pid_t, Process>& processes() const { return processes_; }
  bool HasNews() const { return !ended_.empty() || !stops_.empty(); }
  pid_t last() const { return last_; }
  int spawns() const { return spawns_; }
  int oom_looks() const { return oom_looks_; }
  void set_can_be_continued(bool can) { can_be_continued_ = can; }
  int stopped_self() const { return stopped_self_; }
  int released() const { return released_; }
  const std::vector<std::pair<pid_t, int>>& sent() const { return sent_; }
  void set_exec_error(int error) { exec_error_ = error; }
  // The next looks see nobody, as when a process is forked during one.
  void set_blind_looks(int count) { blind_looks_ = count; }
  // There is no /proc, or another pid namespace's.
  void set_no_proc(bool no_proc) { no_proc_ = no_proc; }
  // As a kernel without CONFIG_PROC_CHILDREN.
  void set_no_children_file(bool none) { no_children_file_ = none; }
  int environments_read() const { return environments_read_; }
  void set_hold_exec(bool hold) { hold_exec_ = hold; }
  void set_spawn_errors(int count, int error = EAGAIN) {
    spawn_errors_ = count;
    spawn_error_ = error;
  }
  void set_hold_forks(bool hold) { hold_forks_ = hold; }
  void set_fork_fails(bool fails) { fork_fails_ = fails; }
  int forks() const { return forks_; }
  pid_t last_fork() const { return last_fork_; }
  // At all processes.
  int looks() const { return looks_; }
  void set_oom_kills(std::optional<int64_t> count) { oom_kills_ = count; }
  // Without them it is cgroup v1. To be called before the start.
  void set_has_oom_events(bool has) { has_oom_events_ = has; }
  bool opened_oom_events() const { return oom_reader_.valid(); }
  // As the kernel announces that something has changed, for whatever reason.
  void AnnounceOomEvents() {
    [[maybe_unused]] const ssize_t sent =
        ::send(oom_writer_.get(), "!", 1, MSG_OOB);
  }
  void set_deaf_by_default(bool deaf) { deaf_by_default_ = deaf; }

 private:
  std::map<pid_t, Process> processes_;  // alive
  std::deque<std::pair<pid_t, ExitStatus>> ended_;
  std::deque<std::pair<pid_t, int>> stops_;  // not reported yet
  std::map<pid_t, UniqueFd> held_;           // forked, not yet executed
  std::vector<std::pair<pid_t, int>> sent_;
  pid_t next_pid_ = 100;
  pid_t last_ = 0;
  int spawns_ = 0;
  int forks_ = 0;
  pid_t last_fork_ = 0;
  bool hold_forks_ = false;
  bool fork_fails_ = false;
  int stopped_self_ = 0;
  bool can_be_continued_ = false;
  int released_ = 0;
  int spawn_errors_ = 0;
  int spawn_error_ = EAGAIN;
  int exec_error_ = 0;
  std::optional<int64_t> oom_kills_ = 0;
  int oom_looks_ = 0;
  bool has_oom_events_ = false;
  UniqueFd oom_reader_;
  UniqueFd oom_writer_;
  int blind_looks_ = 0;
  int looks_ = 0;
  bool no_proc_ = false;
  bool no_children_file_ = false;
  int environments_read_ = 0;
  bool hold_exec_ = false;
  bool deaf_by_default_ = false;
};

// Says what it is told to say.
class FakeStrategy : public Strategy {
 public:
  // The strategy that the Supervisor owns talks through this.
  struct Strings {
    WakeFn wake;
    std::optional<Reason> reason;
    std::vector<InstanceView> views;
    bool ready = true;
    std::optional<std::string> must_end;
  };
  explicit FakeStrategy(Strings* strings) : strings_(strings) {}

  std::string_view name() const override { return "fake"; }
  void Start(WakeFn wake) override { strings_->wake = std::move(wake); }
  std::optional<Reason> ShouldRestart(const InstanceView&) override {
    return std::exchange(strings_->reason, std::nullopt);
  }
  void OnInstance(const InstanceView& view) override {
    strings_->views.push_back(view);
  }
  bool Ready() const override { return strings_->ready; }
  std::optional<std::string> MustEnd() override { return strings_->must_end; }

 private:
  Strings* const strings_;
};

// Everything below a Supervisor.
class FakeWorld {
 public:
  FakeWorld()
      : loop_(*EventLoop::Create(&clock_)),
        children_(loop_.get(), &os_),
        marks_({loop_.get(), &os_, &children_, &log_, &user_process_,
                &observer_}) {}

  Context context() {
    return {loop_.get(),    &os_,       &children_, &log_,
            &user_process_, &observer_, nullptr,    &marks_};
  }
  FakeOs& os() { return os_; }
  EventLoop& loop() { return *loop_; }
  ChildTable& children() { return children_; }
  MarkReader& marks() { return marks_; }
  RecordingLog& log() { return log_; }
  absl::Time now() const { return clock_.Now(); }

  // Lets everything happen that is due now. No chain of events at one instant
  // is as long as this.
  void Settle() {
    for (int i = 0; i < 20; ++i) {
      if (os_.HasNews()) children_.Reap();
      loop_->Turn(/*may_wait=*/false);
    }
  }

  // Moves time on, from timer to timer.
  void Advance(absl::Duration by) {
    Settle();
    const absl::Time end = now() + by;
    while (loop_->NextDeadline() <= end) {
      clock_.Advance(
          std::max(loop_->NextDeadline() - now(), absl::ZeroDuration()));
      Settle();
    }
    clock_.Advance(end - now());
    Settle();
  }

  // Nobody runs for that long; nothing that was due meanwhile has happened.
  void Freeze(absl::Duration by) {
    clock_.Advance(by);
    Settle();
  }

 private:
  FakeClock clock_;
  FakeOs os_;
  UserProcess user_process_;
  RecordingLog log_;
  LogObserver observer_{&log_};
  std::unique_ptr<EventLoop> loop_;
  ChildTable children_;
  MarkReader marks_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SCENARIO_FAKE_WORLD_H_
