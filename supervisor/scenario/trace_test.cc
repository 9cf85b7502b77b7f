// Compares what the Supervisor does with what it did before: each random
// schedule leads to the same trace (log lines, events, signals, starts, views,
// status, outcomes, timers), however its classes are cut.
//
// trace.digest holds one digest for each kind of schedule. After an
// intended change of behaviour, write both traces and put the differing lines
// of one schedule into the commit message:
//
//   TRACE_FILE=/tmp/new bazel-bin/supervisor/scenario/trace_test
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "supervisor/scenario/supervisor_fixture.h"

namespace reinit {
namespace {

constexpr int kSchedules = 450;  // of each kind
constexpr int kSteps = 200;      // of each schedule

enum class Kind {
  kPlain,
  kSidecar,
  kStopFirst,
  kStartFirst,
  kHooks,
  kNotify,
  kSockets,
};

constexpr std::string_view kNames[] = {"plain",       "sidecar", "stop-first",
                                       "start-first", "hooks",   "notify",
                                       "sockets"};

std::string NameOf(Kind kind) {
  return std::string(kNames[static_cast<int>(kind)]);
}

// Hashes (FNV-1a) and, where TRACE_FILE is set, writes the lines of one kind.
class Trace {
 public:
  explicit Trace(Kind kind) {
    if (const char* path = std::getenv("TRACE_FILE")) {
      file_.open(absl::StrCat(path, ".", NameOf(kind)));
    }
    if (::mkdtemp(folder_.data()) == nullptr) ADD_FAILURE() << folder_;
    std::ofstream(environment_file()) << "FROM_FILE=1\n";
  }
  ~Trace() {
    for (const std::string& file :
         {environment_file(), ready_file(), ended_file()}) {
      ::unlink(file.c_str());
    }
    ::rmdir(folder_.c_str());
  }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // For sockets: Bazel's own is too long a path for one.
  const std::string& folder() const { return folder_; }
  std::string environment_file() const { return folder_ + "/env"; }
  std::string ready_file() const { return folder_ + "/ready"; }
  std::string ended_file() const { return folder_ + "/ended"; }

  void Add(std::string_view line) {
    for (const char c : line) Mix(static_cast<uint8_t>(c));
    Mix('\n');
    ++lines_;
    if (file_.is_open()) file_ << line << '\n';
  }

  // As in the digest file, after the kind's name.
  std::string Summary() const {
    return absl::StrCat(lines_, " lines, digest ",
                        absl::Hex(hash_, absl::kZeroPad16));
  }

 private:
  void Mix(uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }

  uint64_t hash_ = 0xcbf29ce484222325;
  size_t lines_ = 0;
  std::ofstream file_;
  std::string folder_ = "/tmp/reinit_trace.XXXXXX";
};

// One random schedule of one kind.
class Schedule : public SupervisorTest {
 public:
  Schedule(Kind kind, unsigned seed, Trace* trace)
      : kind_(kind), trace_(trace), random_(seed), folder_(trace->folder()) {}
  ~Schedule() override {
    // Who ends at once leaves others alone.
    while (options_.init.ends_at_once && !os().processes().empty()) {
      os().Vanish(os().processes().begin()->first);
    }
  }

  void Run(int number) {
    trace_->Add(absl::StrCat("schedule ", number));
    Begin();
    for (int step = 0; step < kSteps && !supervisor_->ended(); ++step) {
      Step();
      Note(absl::StrCat("step ", step));
    }
    if (!supervisor_->ended()) Finish();
    EndForks();
  }

 private:
  void TestBody() override {}

  bool Chance(unsigned one_in) { return random_() % one_in == 0; }
  bool Sidecar() const { return kind_ == Kind::kSidecar; }
  bool Plain() const { return kind_ == Kind::kPlain; }
  // One in so many, always where the kind is about it.
  bool Has(Kind kind, unsigned one_in) {
    return kind_ == kind || Chance(one_in);
  }

  void Begin() {
    options_ = {};
    if (!Sidecar()) options_.command = {"app"};
    if (Plain()) {
      options_.init.ends_at_once = Chance(2);
      options_.init.term_group_at_end = Chance(2);
      options_.init.suspends_itself = Chance(3);
    } else if (!Sidecar()) {
      Supervise();
    }
    ChooseActions();
    ChooseHooks();
    if (kind_ == Kind::kNotify) AddNotify();
    if (kind_ == Kind::kSockets) AddSockets();
    if (Chance(8)) options_.termination_log = trace_->ended_file();
    if (Chance(8)) options_.clear = true;
    Faults(/*any=*/Chance(4));
    fake_.ready = !Chance(3);
    if (Plain()) {
      StartPlain();
    } else {
      StartSupervising();
    }
    Note("begin");
  }

  void Supervise() {
    using Policy = RestartOptions::Policy;
    const Policy policies[] = {Policy::kNo, Policy::kOnFailure,
                               Policy::kOnAbnormal, Policy::kAlways};
    options_.restart.policy = policies[random_() % 4];
    options_.restart.limit_burst = static_cast<int>(random_() % 4) * 3;
    if (Chance(3)) {
      options_.restart.limit_action = RestartOptions::LimitAction::kStay;
    }
    if (Chance(2)) options_.after_exit = AfterExit::kWait;
    const bool start_first = kind_ == Kind::kStartFirst ||
                             kind_ == Kind::kSockets ||
                             (kind_ != Kind::kStopFirst && Chance(2));
    if (start_first) {
      options_.restart.order = RestartOptions::Order::kStartFirst;
    }
    if (Chance(3)) options_.stop.reload_signal = SIGQUIT;
    if (Chance(4)) options_.stop.drain_delay = absl::Seconds(1);
    if (Chance(3)) options_.stop.shutdown_timeout = absl::Seconds(7);
    if (Chance(3)) options_.reload.signal = SIGHUP;
    if (Chance(4)) options_.health.on_failure.what = OnUnhealthy::What::kExit;
    if (Chance(6)) {
      options_.health.on_failure = {OnUnhealthy::What::kSignal, SIGUSR2};
    }
    if (Chance(8)) options_.signals.rewrite.Set(SIGTERM, SIGINT);
    if (Chance(8)) options_.success.AddShellCode(2);
    if (Chance(8)) options_.ready.file = trace_->ready_file();
  }

  void ChooseActions() {
    using Action = ChangeAction::Kind;
    const ChangeAction build{
        .kind = Action::kExec, .text = "exec:build", .argv = {"build"}};
    const ChangeAction hup{
        .kind = Action::kSignal, .value = SIGHUP, .text = "signal:HUP"};
    const ChangeAction restart{.kind = Action::kRestart, .text = "restart"};
    const ChangeAction exit{
        .kind = Action::kExit, .value = 9, .text = "exit:9"};
    const unsigned which = random_() % 5;
    if (Sidecar() || which == 1) {
      options_.reload.on_change = {build};
      if (Sidecar() && Chance(8)) options_.reload.on_change = {build, exit};
    } else if (which == 2) {
      options_.reload.on_change = {build, restart};
    } else if (which == 3) {
      options_.reload.on_change = {hup};
    } else if (which == 4 && Chance(3)) {
      options_.reload.on_change = {exit};
    }
  }

  void ChooseHooks() {
    if (Has(Kind::kHooks, 4)) options_.reload.check = {"check"};
    if (Has(Kind::kHooks, 4)) options_.process.pre_start = {"pre"};
    if (Has(Kind::kHooks, 4)) options_.process.post_stop = {"post"};
    if (Has(Kind::kHooks, 4)) {
      options_.process.environment_files = {trace_->environment_file()};
      options_.process.environment = {"A=b"};
    }
  }

  void AddNotify() {
    auto socket =
        NotifySocket::Create({folder_}, absl::StrCat("notify.", ::getpid()));
    ASSERT_TRUE(socket.ok()) << socket.status();
    notify_ = *std::move(socket);
  }

  void AddSockets() {
    const auto spec = ParseListenSpec(
        absl::StrCat("web=unix:", folder_, "/web.", ::getpid()));
    ASSERT_TRUE(spec.ok()) << spec.status();
    options_.listen.sockets = {*spec};
    sockets_ = std::make_unique<ListenSockets>();
    std::vector<std::string> environment;
    const auto problems =
        sockets_->Open(&options_.listen, ::getpid(), &environment);
    ASSERT_TRUE(problems.errors.empty()) << problems.errors[0];
  }

  void Faults(bool any) {
    os().set_deaf_by_default(any && Chance(4));
    const int exec_errors[] = {ENOENT, ETXTBSY, EACCES};
    os().set_exec_error(any && Chance(8) ? exec_errors[random_() % 3] : 0);
    if (!any) os().set_spawn_errors(0);
    if (any && Chance(16)) {
      os().set_spawn_errors(2, Chance(2) ? EAGAIN : ENOMEM);
    }
    os().set_blind_looks(any && Chance(16) ? 1 : 0);
    os().set_hold_exec(any && Chance(8));
    os().set_hold_forks(any && Chance(8));
    os().set_fork_fails(any && Chance(16));
  }

  pid_t Find(std::string_view name) {
    std::vector<pid_t> all;
    for (const auto& [pid, process] : os().processes()) {
      const auto& argv = process.request.argv;
      if (!argv.empty() && argv[0] == name) all.push_back(pid);
    }
    return all.empty() ? 0 : all[random_() % all.size()];
  }

  void End(pid_t pid, ExitStatus status) {
    if (pid == 0) return;
    os().Exit(pid, status);
    world_.Settle();
  }

  // Side children that are held are waited for by nothing.
  void EndForks() {
    std::vector<pid_t> forks;
    for (const auto& [pid, process] : os().processes()) {
      if (process.request.argv.empty() && process.parent == FakeOs::kSelf &&
          !process.marked) {
        forks.push_back(pid);
      }
    }
    for (const pid_t pid : forks) End(pid, {});
  }

  void EndJobs(ExitStatus status) {
    for (const char* job : {"check", "build", "pre", "post"}) {
      End(Find(job), status);
    }
  }

  void Ask(unsigned what) {
    uint64_t ticket = 0;
    absl::Status asked;
    if (what == 0) asked = supervisor_->AskReload(&ticket);
    if (what == 1) asked = supervisor_->AskRestart(0, &ticket);
    if (what == 2) asked = supervisor_->AskSignal(SIGUSR1);
    world_.Settle();
    if (ticket != 0) tickets_.push_back(ticket);
    trace_->Add(absl::StrCat("asked ", what, ": ", asked.ToString()));
  }

  void Notify(pid_t main) {
    NotifyMessage message;
    switch (random_() % 8) {
      case 0:
        message.ready = true;
        break;
      case 1:
        message.stopping = true;
        break;
      case 2:
        message.error = ENOENT;
        break;
      case 3:
        message.extend_timeout = absl::Seconds(20);
        break;
      case 4:
        message.restart_reset = true;
        break;
      case 5:
        message.exit_status = 5;
        break;
      case 6:
        if (main != 0) message.main_pid = os().AddChildOf(main);
        break;
      default:
        message.status = "at work";
    }
    supervisor_->OnNotify(Chance(4) ? kStranger : main, message);
    world_.Settle();
  }

  void WakeWith(Reason::Cause cause, const std::string& text) {
    if (!fake_.wake) return;
    Reason reason;
    reason.cause = cause;
    reason.text = text;
    if (cause == Reason::Cause::kFile) {
      reason.changed = text;
      if (Chance(3)) reason.content = random_() % 3;
      if (Chance(4)) reason.done_by = world_.now() - absl::Seconds(1);
    }
    fake_.reason = reason;
    fake_.wake(Chance(6) ? Strategy::Wake::kNoticed : Strategy::Wake::kAsk);
    world_.Settle();
  }

  void Wake() {
    if (fake_.wake) fake_.wake(Strategy::Wake::kAsk);
    world_.Settle();
  }

  // What is wrong with a process needs one.
  void Fault() {
    if (Plain() || Sidecar()) return;
    switch (random_() % 3) {
      case 0:
        WakeWith(Reason::Cause::kHealth, "sick");
        return;
      case 1:
        WakeWith(Reason::Cause::kWatchdog, "watchdog: late");
        return;
      default:
        WakeWith(Reason::Cause::kAge, "age: 1h");
    }
  }

  void EndMain(pid_t main) {
    if (Chance(2)) {
      End(main, {.code = static_cast<int>(random_() % 3)});
      return;
    }
    if (Chance(4)) os().set_oom_kills(static_cast<int64_t>(random_() % 9));
    End(main, {.signal = Chance(2) ? SIGSEGV : SIGKILL});
  }

  void SendAny() {
    const int signals[] = {SIGUSR1, SIGHUP,  SIGWINCH, SIGCONT,
                           SIGUSR2, SIGTSTP, SIGTTIN};
    Signal(signals[random_() % 7]);
  }

  // Others than the ends that most schedules would else come to soon.
  void Rare(pid_t main) {
    if (Chance(8)) Signal(Chance(2) ? SIGTERM : SIGINT);
    if (Chance(60)) {
      supervisor_->AskStop(Chance(2));
      world_.Settle();
    }
    if (main != 0 && Chance(4)) {
      os().Stop(main, SIGSTOP);
      world_.Settle();
    }
    if (Chance(8)) {
      fake_.must_end = "the watch helper is gone";
      Wake();
    }
  }

  void Step() {
    Faults(/*any=*/true);
    const pid_t main = Find("app");
    switch (random_() % 18) {
      case 0:
      case 1:
        if (!Plain()) {
          WakeWith(Reason::Cause::kFile, Chance(2) ? "a.py" : "b.py");
        }
        break;
      case 2:
      case 3:
        Fault();
        break;
      case 4:
        if (main != 0) os().process(os().AddChildOf(main)).deaf = Chance(2);
        break;
      case 5:
      case 6:
        EndMain(main);
        break;
      case 7:
        SendAny();
        break;
      case 8:
        EndJobs({.code = Chance(3) ? 1 : 0});
        break;
      case 9:
        Ask(random_() % 3);
        break;
      case 10:
        world_.Freeze(absl::Seconds(random_() % 100));
        break;
      case 11:
        fake_.ready = Chance(2);
        Wake();
        break;
      case 12:
        Notify(main);
        break;
      case 13:
        Rare(main);
        break;
      case 14:
        if (main != 0) os().Executed(main);
        if (os().last_fork() != 0) End(os().last_fork(), {});
        world_.Settle();
        break;
      default:
        world_.Advance(absl::Milliseconds(random_() % 3000));
    }
    if (kind_ == Kind::kNotify && Chance(4)) Notify(Find("app"));
  }

  void Note(std::string_view what) {
    trace_->Add(what);
    NoteLog();
    NoteProcesses();
    NoteStatus(supervisor_->Describe());
    for (const uint64_t ticket : tickets_) {
      const auto outcome = supervisor_->Outcome(ticket);
      trace_->Add(outcome.has_value() ? outcome->ToString() : "under way");
    }
    if (tickets_.size() > 4) tickets_.erase(tickets_.begin());
    trace_->Add(
        absl::StrCat("timers ", world_.loop().armed_timers(), " ended ",
                     supervisor_->ended(), " code ", supervisor_->exit_code(),
                     " cleared ", world_.log().cleared(), " stopped ",
                     os().stopped_self(), " released ", os().released()));
  }

  void NoteLog() {
    const auto& lines = world_.log().lines();
    for (; lines_ < lines.size(); ++lines_) Add(lines[lines_]);
    const auto& events = world_.log().events();
    for (; events_ < events.size(); ++events_) {
      Add(absl::StrCat("event ", events[events_]));
    }
  }

  void NoteProcesses() {
    for (; sent_ < os().sent().size(); ++sent_) {
      trace_->Add(absl::StrCat("sent ", os().sent()[sent_].first, " ",
                               os().sent()[sent_].second));
    }
    for (; views_ < fake_.views.size(); ++views_) {
      const InstanceView& view = fake_.views[views_];
      trace_->Add(absl::StrCat("view ", view.generation, " ",
                               ToString(view.state), " ", view.pid, " ",
                               view.group, " ", view.shares_sockets));
    }
    for (const auto& [pid, process] : os().processes()) {
      if (pid <= spawned_) continue;
      spawned_ = pid;
      trace_->Add(absl::StrCat(
          "spawned ", pid, " ", absl::StrJoin(process.request.argv, " "), " | ",
          absl::StrJoin(Stable(process.request.environment), " "), " | ",
          process.request.descriptors.size(), process.request.own_group,
          process.request.own_session));
    }
  }

  // Those without marks and paths of this run.
  static std::vector<std::string> Stable(
      const std::vector<std::string>& environment) {
    std::vector<std::string> stable;
    for (const std::string& entry : environment) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(entry, absl::MaxSplits('=', 1));
      const bool random = absl::StartsWith(entry, "REINIT_INSTANCE=") ||
                          absl::StartsWith(entry, "REINIT_JOB=") ||
                          absl::StartsWith(entry, "NOTIFY_SOCKET=");
      stable.push_back(random ? parts.first : entry);
    }
    return stable;
  }

  // A line of the log; the socket's path is one of this run.
  void Add(std::string line) {
    for (size_t at; (at = line.find(folder_)) != line.npos;) {
      line.erase(at, std::min(line.find_first_of(" :,", at), line.size()) - at);
    }
    trace_->Add(line);
  }

  static std::string Pid(const std::optional<Status::Process>& process) {
    if (!process.has_value()) return "0";
    return absl::StrCat(process->pid, process->stopping ? " stopping" : "",
                        process->ready.has_value() ? " ready" : "", " ",
                        process->pids.size());
  }

  void NoteStatus(const Status& s) {
    trace_->Add(absl::StrCat(s.state, " ",
                             s.state == "ending" || s.state == "ended", " ",
                             s.generation, " ", s.serves, " ", Pid(s.process),
                             " ", Pid(s.other_process), " exits ", s.exits, " ",
                             s.last_exit, " | ", s.end_reason));
    const std::string awaited =
        s.awaited.has_value() ? absl::StrCat(s.awaited->what) : "-";
    trace_->Add(absl::StrCat(
        s.change, " ", s.change_text, " ", s.changes_applied, " ",
        s.changes_failed, " ", s.change_failure, " ", s.change_queued, " ",
        s.attempted_content.value_or(99), " ", s.applied_content.value_or(99),
        " ", awaited, " ",
        s.reload_succeeded.has_value() ? *s.reload_succeeded ? "y" : "n"
                                       : "-"));
    trace_->Add(absl::StrCat(
        s.limit.used, " ", s.last_restarts.size(), " ",
        s.next_start.has_value() ? absl::FormatDuration(*s.next_start) : "-",
        " ",
        absl::StrJoin(s.restarts, ",", [](std::string* out, const auto& x) {
          absl::StrAppend(out, x.second);
        })));
    for (const auto& one : s.listeners) {
      trace_->Add(absl::StrCat("listens ", one.name));
    }
  }

  // TERM, and what an impatient person does then.
  void Finish() {
    Faults(/*any=*/false);
    Signal(SIGTERM);
    Note("TERM");
    for (int i = 0; i < 40 && !supervisor_->ended(); ++i) {
      EndJobs({});
      if (i > 3) End(Find("app"), {.code = 3});
      if (i > 5) {
        Signal(SIGINT);
        Signal(SIGINT);
      }
      world_.Advance(absl::Seconds(1));
      Note("end");
    }
    EXPECT_TRUE(supervisor_->ended());
  }

  static constexpr pid_t kStranger = 77;

  const Kind kind_;
  Trace* const trace_;
  std::minstd_rand random_;
  const std::string folder_;  // of the sockets
  size_t sent_ = 0;
  size_t lines_ = 0;
  size_t events_ = 0;
  size_t views_ = 0;
  pid_t spawned_ = 0;
  std::vector<uint64_t> tickets_;
};

// The line of the digest file that begins with `name`.
std::string Recorded(const std::string& name) {
  std::ifstream file("supervisor/scenario/trace.digest");
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, absl::StrCat(name, ": "))) return line;
  }
  return "";
}

class SupervisorTraceTest : public ::testing::TestWithParam<Kind> {};

TEST_P(SupervisorTraceTest, DoesWhatItDid) {
  Trace trace(GetParam());
  const unsigned base = static_cast<unsigned>(GetParam()) * kSchedules;
  for (int i = 0; i < kSchedules; ++i) {
    Schedule(GetParam(), (base + static_cast<unsigned>(i)) * 7919 + 1, &trace)
        .Run(i);
    if (HasFatalFailure()) return;
  }
  const std::string name = NameOf(GetParam());
  EXPECT_EQ(absl::StrCat(name, ": ", trace.Summary()), Recorded(name));
}

// A trace that any change of behaviour leaves alone would be worth nothing.
TEST(SupervisorTraceTwin, AnotherScheduleHasAnotherDigest) {
  Trace one(Kind::kStopFirst);
  Schedule(Kind::kStopFirst, 1, &one).Run(0);
  Trace same(Kind::kStopFirst);
  Schedule(Kind::kStopFirst, 1, &same).Run(0);
  Trace another(Kind::kStopFirst);
  Schedule(Kind::kStopFirst, 7920, &another).Run(0);
  EXPECT_EQ(one.Summary(), same.Summary());
  EXPECT_NE(one.Summary(), another.Summary());
}

INSTANTIATE_TEST_SUITE_P(All, SupervisorTraceTest,
                         ::testing::Values(Kind::kPlain, Kind::kSidecar,
                                           Kind::kStopFirst, Kind::kStartFirst,
                                           Kind::kHooks, Kind::kNotify,
                                           Kind::kSockets),
                         [](const auto& kind) {
                           std::string name = NameOf(kind.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace reinit
