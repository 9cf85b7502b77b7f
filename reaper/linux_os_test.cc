// LinuxOs but for Spawn, which has a test of its own.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/os.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

using LinuxOsTest = LeakCheck;

// A child that lives until this is destroyed.
class Sleeper {
 public:
  explicit Sleeper(absl::FunctionRef<void()> prepare = [] {}) {
    Pipe ready;
    pid_ = Fork([&] {
      prepare();
      hold_.write.reset();
      ready.write.reset();
      char byte;
      return static_cast<int>(::read(hold_.read.get(), &byte, 1));
    });
    ready.write.reset();
    ReadToEnd(ready.read.get());
  }
  ~Sleeper() {
    hold_.write.reset();
    WaitStatus(pid_);
  }
  pid_t pid() const { return pid_; }

 private:
  Pipe hold_;
  pid_t pid_;
};

std::optional<ProcessInfo> Find(pid_t pid) {
  LinuxOs os;
  for (const ProcessInfo& process : os.Processes()) {
    if (process.pid == pid) return process;
  }
  return std::nullopt;
}

TEST_F(LinuxOsTest, Self) { EXPECT_EQ(LinuxOs().Self(), ::getpid()); }

TEST_F(LinuxOsTest, ReapsOneAtATime) {
  LinuxOs os;
  EXPECT_EQ(os.ReapOne().what, Reaped::What::kNoChildren);
  const pid_t ended = Fork([] { return 3; });
  AwaitZombie(ended);
  {
    const Sleeper sleeper;
    const Reaped one = os.ReapOne();
    EXPECT_EQ(one.what, Reaped::What::kProcess);
    EXPECT_EQ(one.pid, ended);
    EXPECT_EQ(one.status.code, 3);
    EXPECT_EQ(os.ReapOne().what, Reaped::What::kNoneReady);
  }
  EXPECT_EQ(os.ReapOne().what, Reaped::What::kNoChildren);
}

TEST_F(LinuxOsTest, AStoppedChildIsToldOnceAndNotReaped) {
  LinuxOs os;
  const Sleeper sleeper;
  EXPECT_EQ(os.Send(sleeper.pid(), SIGSTOP), 0);
  siginfo_t info = {};
  EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(sleeper.pid()), &info,
                     WSTOPPED | WNOWAIT),
            0);
  const Reaped told = os.ReapOne();
  EXPECT_EQ(told.what, Reaped::What::kStopped);
  EXPECT_EQ(told.pid, sleeper.pid());
  EXPECT_EQ(told.stop_signal, SIGSTOP);
  EXPECT_EQ(os.ReapOne().what, Reaped::What::kNoneReady);
  EXPECT_EQ(Find(sleeper.pid())->state, 'T');
  EXPECT_EQ(os.Send(sleeper.pid(), SIGCONT), 0);
}

// Without a debugger it would wait at its first signal for ever.
TEST_F(LinuxOsTest, WhoAsksToBeTracedGoesOnWithItsSignal) {
  LinuxOs os;
  for (const int signo : {SIGTERM, SIGUSR1, SIGTRAP}) {
    Pipe ready;
    const pid_t pid = Fork([&] {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ready.write.reset();
      for (;;) ::pause();
      return 0;
    });
    ready.write.reset();
    ReadToEnd(ready.read.get());
    EXPECT_EQ(os.Send(pid, signo), 0);
    siginfo_t info = {};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info,
                       WEXITED | WSTOPPED | WNOWAIT),
              0);
    const Reaped released = os.ReapOne();
    EXPECT_EQ(released.what, Reaped::What::kReleased);
    EXPECT_EQ(released.pid, pid);
    AwaitZombie(pid);
    EXPECT_EQ(os.ReapOne().status.signal, signo);
  }
}

TEST_F(LinuxOsTest, WhoAsksToBeTracedCanStillBeStoppedAndRunAnother) {
  LinuxOs os;
  const pid_t pid = Fork([] {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execl("/bin/true", "true", nullptr);  // stops it with SIGTRAP
    return 1;
  });
  const auto next = [&] {
    siginfo_t info = {};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info,
                       WEXITED | WSTOPPED | WNOWAIT),
              0);
    return os.ReapOne();
  };
  EXPECT_EQ(next().what, Reaped::What::kReleased);
  EXPECT_EQ(next().what, Reaped::What::kStopped);
  EXPECT_EQ(os.TracerOf(pid), 0);
  EXPECT_EQ(os.Send(pid, SIGCONT), 0);
  EXPECT_EQ(next().what, Reaped::What::kReleased);
  const Reaped ended = next();
  EXPECT_EQ(ended.what, Reaped::What::kProcess);
  EXPECT_TRUE(ended.status.Success()) << ended.status.ToString();
}

TEST_F(LinuxOsTest, TellsWhoTraces) {
  LinuxOs os;
  const Sleeper sleeper([] { ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); });
  EXPECT_EQ(os.TracerOf(sleeper.pid()), ::getpid());
  EXPECT_EQ(os.TracerOf(::getpid()), 0);
  EXPECT_EQ(os.TracerOf(-1), std::nullopt);
}

// As fast as they are read new ones are there.
TEST_F(LinuxOsTest, ALookDoesNotChaseWhatIsForkedDuringIt) {
  pid_t last = 3;
  pid_t drawn = 0;
  const auto found =
      ReadProcesses([&] { return drawn < last ? ++drawn : 0; },
                    [&](pid_t pid) -> std::optional<ProcessInfo> {
                      if (last < 1000) ++last;
                      if (pid == 2) return std::nullopt;
                      ProcessInfo info;
                      info.pid = pid;
                      return info;
                    });
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].pid, 3);
}

TEST_F(LinuxOsTest, ReadsOneProcess) {
  LinuxOs os;
  const pid_t pid = Fork([] { return 0; });
  AwaitZombie(pid);
  const auto zombie = os.ReadProcess(pid);
  ASSERT_TRUE(zombie.has_value());
  EXPECT_EQ(zombie->state, 'Z');
  EXPECT_TRUE(zombie->ending);
  EXPECT_EQ(zombie->parent, ::getpid());
  EXPECT_FALSE(os.ReadProcess(::getpid())->ending);
  os.ReapOne();
  EXPECT_FALSE(os.ReadProcess(pid).has_value());
}

TEST_F(LinuxOsTest, SendsASignal) {
  LinuxOs os;
  const pid_t pid = Fork([] {
    ::pause();
    return 0;
  });
  EXPECT_EQ(os.Send(pid, SIGTERM), 0);
  AwaitZombie(pid);
  EXPECT_EQ(os.Send(pid, 0), 0) << "unreaped, so it can still be addressed";
  EXPECT_EQ(os.ReapOne().status.signal, SIGTERM);
  EXPECT_EQ(os.Send(pid, SIGTERM), ESRCH);
  EXPECT_EQ(os.Send(::getpid(), 65), EINVAL);
  EXPECT_EQ(os.Send(-pid, SIGTERM), ESRCH);
}

// What `target` (this process or its group) receives of one real-time signal.
siginfo_t SendToOneself(pid_t target, const SignalInfo& signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal.signo);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  EXPECT_EQ(LinuxOs().Send(target, signal), 0);
  siginfo_t info = {};
  const timespec deadline = {30, 0};
  EXPECT_EQ(::sigtimedwait(&set, &info, &deadline), signal.signo);
  return info;
}

TEST_F(LinuxOsTest, AQueuedSignalKeepsItsPayloadAndSender) {
  InChild([] {
    const SignalInfo signal = {.signo = SIGRTMIN + 2,
                               .code = SI_QUEUE,
                               .sender = 4711,
                               .sender_uid = 42,
                               .value = 0x1234'5678'9abc};
    const siginfo_t info = SendToOneself(::getpid(), signal);
    EXPECT_EQ(info.si_code, SI_QUEUE);
    EXPECT_EQ(reinterpret_cast<uint64_t>(info.si_value.sival_ptr),
              0x1234'5678'9abcu);
    EXPECT_EQ(info.si_pid, 4711);
    EXPECT_EQ(info.si_uid, 42u);
  });
}

TEST_F(LinuxOsTest, ToAGroupAQueuedSignalStillArrives) {
  InChild([] {
    ASSERT_EQ(::setpgid(0, 0), 0);
    const siginfo_t info = SendToOneself(
        -::getpid(),
        {.signo = SIGRTMIN + 2, .code = SI_QUEUE, .sender = 1, .value = 5});
    EXPECT_EQ(info.si_code, SI_USER);
  });
}

TEST_F(LinuxOsTest, AnOrdinarySignalIsSentByUs) {
  InChild([] {
    const siginfo_t info =
        SendToOneself(::getpid(), {.signo = SIGUSR1, .sender = 4711});
    EXPECT_EQ(info.si_code, SI_USER);
    EXPECT_EQ(info.si_pid, ::getpid());
  });
}

TEST_F(LinuxOsTest, QueuedToNobodyIsAnError) {
  const pid_t gone = Fork([] { return 0; });
  WaitStatus(gone);
  EXPECT_EQ(LinuxOs().Send(gone, {.signo = SIGRTMIN, .code = SI_QUEUE}), ESRCH);
}

TEST_F(LinuxOsTest, ProcessesShowsOurselves) {
  const auto self = Find(::getpid());
  ASSERT_TRUE(self.has_value());
  EXPECT_EQ(self->parent, ::getppid());
  EXPECT_EQ(self->group, ::getpgrp());
  EXPECT_EQ(self->session, ::getsid(0));
  EXPECT_EQ(self->state, 'R');
}

TEST_F(LinuxOsTest, ProcessesShowsZombies) {
  const pid_t pid = Fork([] { return 0; });
  AwaitZombie(pid);
  const auto zombie = Find(pid);
  ASSERT_TRUE(zombie.has_value());
  EXPECT_EQ(zombie->state, 'Z');
  EXPECT_EQ(zombie->parent, ::getpid());
  WaitStatus(pid);
  EXPECT_FALSE(Find(pid).has_value());
}

TEST_F(LinuxOsTest, AProcessNameCannotForgeItsLine) {
  for (const char* name : {") Z 1 1 1 (", "a b\nc", ")", ")) R", ""}) {
    const Sleeper sleeper([name] {
      ::setsid();
      ::prctl(PR_SET_NAME, name);
    });
    const auto found = Find(sleeper.pid());
    ASSERT_TRUE(found.has_value()) << name;
    EXPECT_EQ(found->parent, ::getpid()) << name;
    EXPECT_EQ(found->group, sleeper.pid()) << name;
    EXPECT_EQ(found->session, sleeper.pid()) << name;
    EXPECT_NE(found->state, 'Z') << name;
  }
}

// `cat` with an environment of its own, until this is destroyed.
class HeldCat {
 public:
  explicit HeldCat(std::vector<std::string> environment) {
    // Held by its standard input, which is ours for this moment.
    const UniqueFd old(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
    EXPECT_EQ(::dup2(hold_.read.get(), STDIN_FILENO), STDIN_FILENO);
    SpawnRequest request;
    request.argv = {"/bin/cat"};
    request.environment = std::move(environment);
    const auto spawned = LinuxOs().Spawn(request);
    if (old.valid()) {
      ::dup2(old.get(), STDIN_FILENO);
    } else {
      ::close(STDIN_FILENO);
    }
    if (!spawned.ok()) {
      ADD_FAILURE() << spawned.status();
      return;
    }
    EXPECT_EQ(ReadToEnd(spawned->result.get()), "");
    pid_ = spawned->pid;
  }
  ~HeldCat() {
    hold_.write.reset();
    EXPECT_EQ(WaitStatus(pid_), 0);
  }
  pid_t pid() const { return pid_; }

 private:
  Pipe hold_;
  pid_t pid_ = 0;
};

TEST_F(LinuxOsTest, TheEnvironmentIsThatOfTheExec) {
  LinuxOs os;
  pid_t pid = 0;
  {
    const HeldCat cat({"A=12", "EMPTY=", "LAST=x"});
    pid = cat.pid();
    // Not there yet when exec has just closed the descriptors.
    while (!os.EnvironmentOf(pid).has_value()) ::sched_yield();
    EXPECT_EQ(os.EnvironmentOf(pid), std::string("A=12\0EMPTY=\0LAST=x\0", 19));
  }
  EXPECT_EQ(os.EnvironmentOf(pid), std::nullopt);
}

TEST_F(LinuxOsTest, AnEmptyEnvironmentSaysNothing) {
  // As if it could not be read: in the middle of an exec it is empty as well.
  const HeldCat cat({});
  EXPECT_EQ(LinuxOs().EnvironmentOf(cat.pid()), std::nullopt);
}

TEST_F(LinuxOsTest, ChildrenAreOursWhetherTheyLiveOrNot) {
  LinuxOs os;
  EXPECT_EQ(os.Children(), std::vector<pid_t>());
  const Sleeper sleeper;
  const pid_t ended = Fork([] { return 3; });
  EXPECT_EQ(os.Children(), (std::vector<pid_t>{sleeper.pid(), ended}));
  while (os.ReapOne().what != Reaped::What::kProcess) ::sched_yield();
  EXPECT_EQ(os.Children(), std::vector<pid_t>{sleeper.pid()});
}

// The list is longer than one read gives.
TEST_F(LinuxOsTest, AllOfManyChildrenAreListed) {
  LinuxOs os;
  std::vector<pid_t> pids(2000);
  for (pid_t& pid : pids) pid = Fork([] { return 0; });
  EXPECT_EQ(os.Children(), pids);
  for (size_t left = pids.size(); left > 0;) {
    if (os.ReapOne().what == Reaped::What::kProcess) --left;
  }
}

TEST_F(LinuxOsTest, BelowIsWhatDescendsFromTheRoots) {
  LinuxOs os;
  const Sleeper sleeper;
  const std::vector<ProcessInfo> below = os.Below({::getpid()});
  ASSERT_EQ(below.size(), 2u);
  EXPECT_EQ(below[0].pid, ::getpid());
  EXPECT_EQ(below[1].pid, sleeper.pid());
  EXPECT_EQ(below[1].parent, ::getpid());
  const pid_t none = 1 << 30;
  EXPECT_TRUE(os.Below({none}).empty());
}

TEST_F(LinuxOsTest, AnExecIsNeverTakenForAStranger) {
  // Leftovers are told by their mark: at no moment after the end of file that
  // says "executed" may one look unmarked.
  LinuxOs os;
  for (int i = 0; i < 100; ++i) {
    const HeldCat cat({"MARK=1"});
    const auto environment = os.EnvironmentOf(cat.pid());
    if (environment.has_value()) {
      EXPECT_EQ(*environment, std::string("MARK=1\0", 7));
    }
  }
}

// For what may hang: a socket of ours must not live on in it.
TEST_F(LinuxOsTest, AForkedChildHasNothingOfOurs) {
  LinuxOs os;
  const Pipe pipe;
  const absl::StatusOr<pid_t> pid = os.Fork([&] {
    const bool closed = ::fcntl(pipe.write.get(), F_GETFD) == -1;
    const bool has_stderr = ::fcntl(STDERR_FILENO, F_GETFD) != -1;
    return closed && has_stderr ? 7 : 1;
  });
  ASSERT_TRUE(pid.ok());
  EXPECT_EQ(WEXITSTATUS(WaitStatus(*pid)), 7);
}

TEST(OomKillsTest, OfMemoryEvents) {
  EXPECT_EQ(ParseOomKills("low 0\nhigh 7\nmax 12\noom 5\noom_kill 3\n"
                          "oom_group_kill 1\n"),
            3);
}

TEST(OomKillsTest, OfOomControl) {
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 1\noom_kill 2\n"), 2);
  // Before Linux 4.13.
  EXPECT_EQ(ParseOomKills("oom_kill_disable 0\nunder_oom 1\n"), std::nullopt);
}

TEST(OomKillsTest, OfWhatIsNeither) {
  for (const char* const text : {"", "\n", "oom_kill", "oom_kill \n",
                                 "oom_kill many\n", "oom_kill 1 2\n"}) {
    EXPECT_EQ(ParseOomKills(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace reinit
