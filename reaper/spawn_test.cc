// LinuxOs::Spawn, seen from the parent and from the program that was started.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/exit_status.h"
#include "reaper/leak_check.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "reaper/signal_mask.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

using testing::HasSubstr;

constexpr uint64_t Bit(int signo) { return uint64_t{1} << (signo - 1); }

class SpawnTest : public LeakCheck {
 protected:
  SpawnTest()
      : program_(absl::StrCat(::getenv("TEST_SRCDIR"), "/",
                              ::getenv("TEST_WORKSPACE"),
                              "/reaper/spawn_report")),
        report_(testing::TempDir() + "/report") {
    request_.as.signals.blocked = BlockedSignals();
    request_.environment = {"PATH=/bin:/usr/bin"};
  }
  ~SpawnTest() override { ::unlink(report_.c_str()); }

  // What the kernel and the pipe say of a spawn, until the program has ended.
  struct Outcome {
    pid_t pid = 0;
    ExitStatus status;
    std::optional<SpawnFailure> failure;  // nothing: it was executed
  };
  Outcome Run() {
    Outcome outcome;
    const auto spawned = LinuxOs().Spawn(request_);
    EXPECT_TRUE(spawned.ok()) << spawned.status();
    if (!spawned.ok()) return outcome;
    outcome.pid = spawned->pid;
    outcome.failure = Result(*spawned);
    outcome.status = ExitStatus::FromWait(WaitStatus(spawned->pid));
    return outcome;
  }
  static std::optional<SpawnFailure> Result(const Spawned& spawned) {
    const std::string bytes = ReadToEnd(spawned.result.get());
    if (bytes.empty()) return std::nullopt;
    SpawnFailure failure;
    EXPECT_EQ(bytes.size(), sizeof(failure));
    std::memcpy(&failure, bytes.data(), sizeof(failure));
    return failure;
  }
  // Runs the reporter and gives what it saw.
  std::string Report() {
    request_.argv = {program_, "report", report_};
    const Outcome outcome = Run();
    EXPECT_FALSE(outcome.failure.has_value());
    EXPECT_TRUE(outcome.status.Success()) << outcome.status.ToString();
    return ReadFile(report_);
  }
  void ExpectFailure(int error) {
    const Outcome outcome = Run();
    ASSERT_TRUE(outcome.failure.has_value());
    EXPECT_EQ(outcome.failure->stage, SpawnFailure::Stage::kExec);
    EXPECT_EQ(outcome.failure->error, error);
    const std::string words =
        ExplainExecFailure(request_.argv[0], request_.environment, error);
    EXPECT_EQ(outcome.failure->words, request_.program_fd < 0 ? words : "");
    EXPECT_EQ(outcome.status.code, error == ENOENT ? 127 : 126);
  }
  // Those of ours that a program inherits: what Bazel gave this test.
  static std::string Inheritable() {
    std::string result;
    for (const auto& [fd, target] : OpenDescriptors()) {
      if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
        absl::StrAppend(&result, fd, " ");
    }
    return result;
  }
  static uint64_t Hex(const std::string& report, const std::string& name) {
    uint64_t value = 0;
    EXPECT_TRUE(absl::SimpleHexAtoi(StatusField(report, name), &value));
    return value;
  }
  std::string Folder(const std::string& name) {
    std::string path = absl::StrCat(testing::TempDir(), "/", name);
    ::mkdir(path.c_str(), 0755);
    return path;
  }

  const std::string program_;
  const std::string report_;
  SpawnRequest request_;
};

TEST_F(SpawnTest, EndOfFileOnceTheProgramRuns) {
  request_.argv = {"true"};
  const Outcome outcome = Run();
  EXPECT_FALSE(outcome.failure.has_value());
  EXPECT_TRUE(outcome.status.Success());
}

TEST_F(SpawnTest, ArgumentsAndEnvironmentAreExact) {
  request_.environment = {"A=1", "B=", "no-equals-sign"};
  request_.argv = {program_, "report", report_, "", "x y", "--"};
  EXPECT_TRUE(Run().status.Success());
  const std::string report = ReadFile(report_);
  EXPECT_EQ(StatusField(report, "arguments"),
            absl::StrCat(program_, " report FILE  x y -- "));
  EXPECT_EQ(StatusField(report, "environment"), "A=1 B= no-equals-sign ");
}

TEST_F(SpawnTest, NotFound) {
  request_.argv = {"no-such-program"};
  ExpectFailure(ENOENT);
  request_.argv = {"/no/such/program"};
  ExpectFailure(ENOENT);
}

// Where it was tried, not where the parent stands.
TEST_F(SpawnTest, ARelativeNameIsExplainedInItsFolder) {
  request_.as.directory = Folder("words");
  std::ofstream(request_.as.directory + "/script") << "#!/no/such/shell\n";
  ::chmod((request_.as.directory + "/script").c_str(), 0755);
  request_.argv = {"./script"};
  const Outcome outcome = Run();
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_THAT(outcome.failure->words, HasSubstr("'/no/such/shell'"));
}

TEST_F(SpawnTest, NoReasonIsTooLong) {
  request_.argv = {std::string(4000, 'x')};
  const Outcome outcome = Run();
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(std::string_view(outcome.failure->words).size(),
            sizeof(SpawnFailure::words) - 1);
}

TEST_F(SpawnTest, NotExecutable) {
  request_.argv = {testing::TempDir()};
  ExpectFailure(EACCES);
}

TEST_F(SpawnTest, NoProgram) {
  const std::string text = testing::TempDir() + "/text";
  std::ofstream(text) << "echo\n";
  ::chmod(text.c_str(), 0755);
  request_.argv = {text};
  ExpectFailure(ENOEXEC);
}

TEST_F(SpawnTest, PathIsSearchedPastWhatCannotBeExecuted) {
  const std::string denied = Folder("denied"), empty = Folder("empty");
  std::ofstream(denied + "/true") << "not executable";
  request_.argv = {"true"};
  request_.environment = {
      absl::StrCat("PATH=/nowhere:", denied, ":", empty, ":/bin")};
  EXPECT_FALSE(Run().failure.has_value());
  // Then "permission denied" is the news, not "not found".
  request_.environment = {absl::StrCat("PATH=", denied, ":", empty)};
  ExpectFailure(EACCES);
}

TEST_F(SpawnTest, LeadsAGroupOfItsOwn) {
  const std::string report = Report();
  EXPECT_EQ(StatusField(report, "group"), StatusField(report, "self"));
}

TEST_F(SpawnTest, TheGroupIsThereWhenSpawnReturns) {
  request_.argv = {program_, "sleep"};
  LinuxOs os;
  const auto spawned = os.Spawn(request_);
  ASSERT_TRUE(spawned.ok());
  EXPECT_EQ(::getpgid(spawned->pid), spawned->pid);
  EXPECT_EQ(os.Send(-spawned->pid, SIGKILL), 0);
  EXPECT_EQ(ExitStatus::FromWait(WaitStatus(spawned->pid)).signal, SIGKILL);
}

TEST_F(SpawnTest, OrStaysInOurs) {
  request_.own_group = false;
  EXPECT_EQ(StatusField(Report(), "group"), absl::StrCat(::getpgrp()));
}

TEST_F(SpawnTest, TheMaskAndDispositionsAreHandedOnExactly) {
  const uint64_t masks[] = {0, Bit(SIGUSR1) | Bit(SIGTERM),
                            Bit(32) | Bit(33) | Bit(64),
                            ~(Bit(SIGKILL) | Bit(SIGSTOP))};
  for (const uint64_t blocked : masks) {
    for (const bool child_ignored : {false, true}) {
      InChild([&] {
        ::signal(SIGPIPE, SIG_IGN);  // as inherited
        ::signal(SIGHUP, SIG_IGN);
        ::signal(SIGCHLD, child_ignored ? SIG_IGN : SIG_DFL);
        const uint64_t ignored = Hex(ReadFile("/proc/self/status"), "SigIgn");
        TakeOverSignals();
        request_.as.signals = {blocked, child_ignored};
        const std::string report = Report();
        EXPECT_EQ(Hex(report, "SigBlk"), blocked);
        EXPECT_EQ(Hex(report, "SigIgn"), ignored);
        EXPECT_EQ(Hex(report, "SigCgt") & ~Bit(SIGSEGV) & ~Bit(SIGBUS) &
                      ~Bit(SIGFPE) & ~Bit(SIGILL),
                  0u)
            << "caught ones, but for a sanitizer's";
      });
    }
  }
}

TEST_F(SpawnTest, ASignalBeforeExecIsDelivered) {
  InChild([&] {
    TakeOverSignals();
    request_.as.signals = {};
    request_.argv = {program_, "sleep"};
    LinuxOs os;
    for (int i = 0; i < 20; ++i) {
      const auto spawned = os.Spawn(request_);
      ASSERT_TRUE(spawned.ok());
      EXPECT_EQ(os.Send(spawned->pid, SIGTERM), 0);
      EXPECT_EQ(ExitStatus::FromWait(WaitStatus(spawned->pid)).signal, SIGTERM);
    }
  });
}

TEST_F(SpawnTest, OurDescriptorsAreNotLeaked) {
  const Pipe pipe;  // close-on-exec, as every descriptor of ours
  const UniqueFd program(::open(program_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(StatusField(Report(), "descriptors"), Inheritable());
  request_.program_fd = program.get();
  EXPECT_EQ(StatusField(Report(), "descriptors"), Inheritable());
}

// Where the descriptor that is passed stands, and what stands on 3.
struct Passed {
  int from;
  bool three_is_taken;
};

class SpawnPassing : public SpawnTest,
                     public testing::WithParamInterface<Passed> {
 protected:
  // In a child, where descriptors may be put anywhere.
  void Arrange() {
    Pipe pipe;
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    read_ = ::fcntl(ends[0], F_DUPFD_CLOEXEC, 60);
    const UniqueFd write(::fcntl(ends[1], F_DUPFD_CLOEXEC, 70));
    // What reinit itself was given, and that no helper may hold.
    ASSERT_EQ(::dup2(pipe.read.get(), 41), 41);
    ASSERT_EQ(::dup2(pipe.read.get(), 3), 3);
    pipe.read.release();  // any of the low numbers is put anew now
    pipe.write.release();
    for (int fd = 4; fd < 40; ++fd) ::close(fd);
    ASSERT_EQ(::dup2(3, 4), 4);
    if (!GetParam().three_is_taken) ::close(3);
    ASSERT_GE(::dup3(write.get(), GetParam().from, O_CLOEXEC), 0);
    request_.pass_fd = GetParam().from;
  }
  int read_ = -1;
};

TEST_P(SpawnPassing, LandsOnThreeAndNothingIsAboveIt) {
  InChild([&] {
    Arrange();
    EXPECT_EQ(StatusField(Report(), "descriptors"), "0 1 2 3 ");
  });
}

TEST_P(SpawnPassing, IsTheOneThatWasPassed) {
  InChild([&] {
    Arrange();
    request_.argv = {program_, "pass", "hello"};
    EXPECT_TRUE(Run().status.Success());
    ::close(GetParam().from);
    EXPECT_EQ(ReadToEnd(read_), "hello");
  });
}

INSTANTIATE_TEST_SUITE_P(Places, SpawnPassing,
                         testing::Values(Passed{3, true}, Passed{5, true},
                                         Passed{5, false}, Passed{10, true},
                                         Passed{11, false}, Passed{40, true}));

TEST_F(SpawnTest, TheProgramMayStandWhereTheDescriptorGoes) {
  InChild([&] {
    ::close(3);
    request_.program_fd = ::open(program_.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(request_.program_fd, 3);
    Pipe pipe;
    request_.pass_fd = pipe.write.get();
    request_.argv = {"renamed", "pass", "hello"};
    EXPECT_TRUE(Run().status.Success());
    pipe.write.reset();
    EXPECT_EQ(ReadToEnd(pipe.read.get()), "hello");
  });
}

TEST_F(SpawnTest, WhatIsNotOpenCannotBePassed) {
  request_.argv = {"true"};
  request_.pass_fd = 900;
  const Outcome outcome = Run();
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->stage, SpawnFailure::Stage::kDescriptor);
  EXPECT_EQ(outcome.failure->error, EBADF);
}

TEST_F(SpawnTest, AProgramByDescriptor) {
  const UniqueFd program(::open(program_.c_str(), O_PATH | O_CLOEXEC));
  request_.program_fd = program.get();
  request_.environment = {};  // no PATH is needed
  request_.argv = {"any name", "report", report_};
  EXPECT_FALSE(Run().failure.has_value());
  EXPECT_THAT(StatusField(ReadFile(report_), "arguments"),
              HasSubstr("any name report"));
}

TEST_F(SpawnTest, ADescriptorThatIsNoProgram) {
  const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  request_.argv = {"true"};
  request_.program_fd = folder.get();
  ExpectFailure(EACCES);
}

TEST_F(SpawnTest, Unprivileged) {
  request_.unprivileged = true;
  const std::string report = Report();
  EXPECT_EQ(StatusField(report, "NoNewPrivs"), "1");
  EXPECT_EQ(Hex(report, "CapEff"), 0u);
  EXPECT_EQ(Hex(report, "CapPrm"), 0u);
  EXPECT_EQ(Hex(report, "CapAmb"), 0u);
}

TEST_F(SpawnTest, PrivilegesAreOtherwiseLeftAlone) {
  const std::string own = ReadFile("/proc/self/status");
  const std::string report = Report();
  for (const char* field : {"NoNewPrivs", "CapEff", "CapPrm", "Uid", "Gid"})
    EXPECT_EQ(StatusField(report, field), StatusField(own, field)) << field;
}

// Spawns a sleeper from a process that then ends, and gives the orphan, which
// comes to us.
pid_t Orphan(SpawnRequest request) {
  Pipe pid_pipe;
  const pid_t parent = Fork([&] {
    const auto spawned = LinuxOs().Spawn(request);
    if (!spawned.ok() || !ReadToEnd(spawned->result.get()).empty()) return 1;
    return ::write(pid_pipe.write.get(), &spawned->pid, sizeof(pid_t)) > 0 ? 0
                                                                           : 1;
  });
  EXPECT_EQ(WaitStatus(parent), 0);
  pid_t pid = 0;
  EXPECT_EQ(::read(pid_pipe.read.get(), &pid, sizeof(pid)),
            static_cast<ssize_t>(sizeof(pid)));
  return pid;
}

TEST_F(SpawnTest, DiesWithItsParent) {
  InChild([&] {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    request_.argv = {program_, "sleep"};
    for (const bool unprivileged : {false, true}) {
      request_.die_with_parent = true;
      request_.unprivileged = unprivileged;
      EXPECT_EQ(ExitStatus::FromWait(WaitStatus(Orphan(request_))).signal,
                SIGKILL);
    }
  });
}

TEST_F(SpawnTest, OrOutlivesIt) {
  InChild([&] {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    request_.argv = {program_, "sleep"};
    const pid_t orphan = Orphan(request_);
    EXPECT_EQ(LinuxOs().Send(orphan, SIGTERM), 0);
    EXPECT_EQ(ExitStatus::FromWait(WaitStatus(orphan)).signal, SIGTERM);
  });
}

TEST_F(SpawnTest, TheTerminalsForegroundIsHandedOn) {
  InChild([&] {
    TakeOverSignals();  // else SIGTTOU would stop us
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    ASSERT_GT(::setsid(), 0);
    const UniqueFd terminal(::open(::ptsname(master.get()), O_RDWR));
    ASSERT_EQ(::dup2(terminal.get(), STDIN_FILENO), STDIN_FILENO);
    ASSERT_EQ(::tcgetpgrp(STDIN_FILENO), ::getpgrp());

    request_.terminal_fd = STDIN_FILENO;
    std::string report = Report();
    EXPECT_EQ(StatusField(report, "foreground"), StatusField(report, "self"));

    ASSERT_EQ(::tcsetpgrp(STDIN_FILENO, ::getpgrp()), 0);
    request_.terminal_fd = -1;
    report = Report();
    EXPECT_EQ(StatusField(report, "foreground"), absl::StrCat(::getpgrp()));
  });
}

TEST_F(SpawnTest, ATerminalThatIsNoneIsSurvived) {
  const Pipe pipe;
  request_.terminal_fd = pipe.read.get();
  EXPECT_THAT(Report(), HasSubstr("group:"));
}

TEST_F(SpawnTest, WithoutDescriptorsLeftItIsAnErrorAndNothingLeaks) {
  InChild([&] {
    request_.argv = {"true"};
    const auto before = OpenDescriptors();
    // From none at all to all but one of those a spawn needs.
    int failures = 0;
    for (rlim_t limit = 3;; ++limit) {
      const rlimit few = {limit, 1024};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
      const auto spawned = LinuxOs().Spawn(request_);
      const rlimit many = {1024, 1024};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &many), 0);
      if (spawned.ok()) {
        EXPECT_FALSE(Result(*spawned).has_value());
        EXPECT_EQ(WaitStatus(spawned->pid), 0);
        break;
      }
      ++failures;
      EXPECT_FALSE(HasChildren());
      EXPECT_EQ(OpenDescriptors(), before);
    }
    EXPECT_GE(failures, 2);
  });
}

TEST_F(SpawnTest, TheCallersDescriptorsStayTheirs) {
  const UniqueFd program(::open(program_.c_str(), O_RDONLY | O_CLOEXEC));
  const Pipe pipe;
  request_.program_fd = program.get();
  request_.pass_fd = pipe.write.get();
  const auto before = OpenDescriptors();
  request_.argv = {program_, "pass", "x"};
  EXPECT_TRUE(Run().status.Success());
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_NE(::fcntl(pipe.write.get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace reinit
