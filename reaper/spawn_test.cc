// LinuxOs::Spawn, seen from the parent and from the program that was started.
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reaper/leak_check.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "reaper/self/signal_mask.h"
#include "reaper/test_process.h"
#include "reaper/unique_fd.h"
#include "reaper/value/exit_status.h"

namespace reinit {
namespace {

using testing::HasSubstr;

constexpr uint64_t Bit(int signo) { return uint64_t{1} << (signo - 1); }

class SpawnTest : public LeakCheck {
 protected:
  SpawnTest()
      : program_(absl::StrCat(::getenv("TEST_SRCDIR"), "/",
                              ::getenv("TEST_WORKSPACE"),
                              "/reaper/spawn_test_program")),
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
    if (!spawned.result.valid()) return std::nullopt;
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

// As git checkout does it: another directory has the path of ours by then.
TEST_F(SpawnTest, ADirectoryThatWasMadeAgainIsFound) {
  const std::string before = std::filesystem::current_path();
  const std::string folder = Folder("again");
  std::filesystem::current_path(folder);
  std::filesystem::remove(folder);
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/script") << "#!/bin/sh\n";
  ::chmod((folder + "/script").c_str(), 0755);
  request_.argv = {"./script"};
  EXPECT_TRUE(Run().failure.has_value());
  request_.as.start_directory = folder;
  const Outcome outcome = Run();
  std::filesystem::current_path(before);
  EXPECT_FALSE(outcome.failure.has_value());
  EXPECT_TRUE(outcome.status.Success());
}

TEST_F(SpawnTest, StartsProcessesInTheDirectoryThatItHasLeft) {
  const std::string before = std::filesystem::current_path();
  const std::string folder = std::filesystem::canonical(Folder("left"));
  std::filesystem::current_path(folder);
  LinuxOs os;
  os.LeaveStartDirectory();
  EXPECT_EQ(std::filesystem::current_path(), "/");
  request_.argv = {"/bin/sh", "-c", "pwd > there"};
  const auto spawned = os.Spawn(request_);
  ASSERT_TRUE(spawned.ok());
  EXPECT_EQ(WaitStatus(spawned->pid), 0);
  EXPECT_EQ(ReadFile(folder + "/there"), folder + "\n");
  const auto forked = os.Fork([] {
    std::ofstream("side") << std::filesystem::current_path().string();
    return 0;
  });
  ASSERT_TRUE(forked.ok());
  EXPECT_EQ(WaitStatus(*forked), 0);
  EXPECT_EQ(ReadFile(folder + "/side"), folder);
  // Nothing of ours is there any more: it can be unmounted.
  os.ReleaseInherited();
  for (const auto& [fd, target] : OpenDescriptors()) EXPECT_NE(target, folder);
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);
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

// As a seccomp profile does, or an emulator that does not know it.
TEST_F(SpawnTest, AProgramByDescriptorWithoutExecveat) {
  for (const int error : {EPERM, ENOSYS}) {
    InChild([&] {
      RefuseCall(SYS_execveat, error);
      const UniqueFd program(::open(program_.c_str(), O_PATH | O_CLOEXEC));
      request_.program_fd = program.get();
      Report();
    });
  }
}

TEST_F(SpawnTest, AProgramByItsPathWhereNothingElseIsToBeHad) {
  InChild([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", "/proc", "tmpfs", 0, nullptr) != 0) {
      return;  // no rights to
    }
    RefuseCall(SYS_execveat, EPERM);
    // A sanitized program would need its /proc.
    const UniqueFd program(::open("/bin/true", O_PATH | O_CLOEXEC));
    request_.program_fd = program.get();
    request_.argv = {"renamed"};
    ExpectFailure(EPERM);
    request_.program_path = "/bin/true";
    EXPECT_TRUE(Run().status.Success());
  });
}

// A start whose exec is awaited, in a child, as all signals are to be blocked.
class AwaitedTest : public SpawnTest {
 protected:
  AwaitedTest() { request_.awaits_exec = true; }

  // Whether the child shared our memory; false under a sanitizer.
  static bool Shared(const Spawned& spawned) { return !spawned.result.valid(); }
#if defined(__SANITIZE_ADDRESS__)
  static constexpr bool kMayShare = false;
#else
  static constexpr bool kMayShare = true;
#endif
};

TEST_F(AwaitedTest, TheProgramRunsWhenSpawnReturns) {
  InChild([&] {
    TakeOverSignals();
    request_.as.signals = {};
    request_.argv = {program_, "sleep"};
    LinuxOs os;
    const auto before = OpenDescriptors();
    const auto spawned = os.Spawn(request_);
    ASSERT_TRUE(spawned.ok());
    EXPECT_EQ(Shared(*spawned), kMayShare);
    if (kMayShare) {
      EXPECT_EQ(OpenDescriptors(), before);
      EXPECT_EQ(std::filesystem::read_symlink(
                    absl::StrCat("/proc/", spawned->pid, "/exe")),
                std::filesystem::canonical(program_));
    }
    EXPECT_EQ(::getpgid(spawned->pid), spawned->pid);
    EXPECT_EQ(os.Send(spawned->pid, SIGTERM), 0);
    EXPECT_EQ(ExitStatus::FromWait(WaitStatus(spawned->pid)).signal, SIGTERM);
  });
}

TEST_F(AwaitedTest, GivesOnTheSameAsAForkedOne) {
  InChild([&] {
    TakeOverSignals();
    request_.as.signals = {Bit(SIGUSR1) | Bit(33), /*child_ignored=*/true};
    request_.as.no_new_privileges = true;
    request_.environment = {absl::StrCat("LISTEN_PID=", ::getpid()),
                            "PATH=/nowhere:/bin"};
    std::string seen[2];
    for (const bool awaits : {false, true}) {
      request_.awaits_exec = awaits;
      const std::string report = Report();
      EXPECT_EQ(StatusField(report, "environment"),
                absl::StrCat("LISTEN_PID=", StatusField(report, "self"),
                             " PATH=/nowhere:/bin "));
      EXPECT_EQ(StatusField(report, "group"), StatusField(report, "self"));
      for (const char* field : {"arguments", "descriptors", "SigBlk", "SigIgn",
                                "SigCgt", "NoNewPrivs", "Uid", "CapEff"}) {
        absl::StrAppend(&seen[awaits ? 1 : 0], StatusField(report, field),
                        "\n");
      }
    }
    EXPECT_EQ(seen[0], seen[1]);
  });
}

// The words are those of a forked child, which has tried again.
TEST_F(AwaitedTest, AFailureIsExplainedAsEver) {
  InChild([&] {
    TakeOverSignals();
    request_.argv = {"no-such-program"};
    ExpectFailure(ENOENT);
    request_.argv = {testing::TempDir()};
    ExpectFailure(EACCES);
    request_.as.directory = "/no/such/folder";
    const Outcome outcome = Run();
    ASSERT_TRUE(outcome.failure.has_value());
    EXPECT_EQ(outcome.failure->stage, SpawnFailure::Stage::kDirectory);
    EXPECT_FALSE(HasChildren());
  });
}

// A file that is open for writing is refused at once to the child that shares
// our memory; the forked one then tries for a second.
class BusyTest : public AwaitedTest {
 protected:
  void SpawnBusy() {
    const std::string file = Folder("awaited_busy") + "/program";
    std::filesystem::copy_file(
        "/bin/true", file, std::filesystem::copy_options::overwrite_existing);
    const UniqueFd writer(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    request_.argv = {file};
    const auto spawned = LinuxOs().Spawn(request_);
    ASSERT_TRUE(spawned.ok());
    EXPECT_TRUE(spawned->result.valid());
    sigset_t set;
    ::sigpending(&set);
    pending_ = ::sigismember(&set, SIGCHLD) == 1;
    EXPECT_EQ(::kill(spawned->pid, SIGKILL), 0);
    EXPECT_EQ(WaitStatus(spawned->pid), SIGKILL);
  }
  bool pending_ = false;  // SIGCHLD, while the forked child lives
};

TEST_F(BusyTest, NoSigchldTellsOfTheFirstChild) {
  InChild([&] {
    TakeOverSignals();
    SpawnBusy();
    EXPECT_FALSE(pending_);
    EXPECT_FALSE(HasChildren());
  });
}

// An orphan that ended meanwhile would else never be reaped.
TEST_F(BusyTest, TheSigchldOfAnotherChildIsKept) {
  InChild([&] {
    TakeOverSignals();
    const pid_t other = Fork([] { return 0; });
    AwaitZombie(other);
    SpawnBusy();
    EXPECT_TRUE(pending_);
    EXPECT_EQ(WaitStatus(other), 0);
  });
}

// Who has fewer rights could be traced by others, and our memory be written to.
TEST_F(AwaitedTest, AChildWithFewerRightsSharesNothing) {
  InChild([&] {
    TakeOverSignals();
    request_.argv = {"true"};
    request_.unprivileged = true;
    LinuxOs os;
    const auto helper = os.Spawn(request_);
    ASSERT_TRUE(helper.ok());
    EXPECT_FALSE(Shared(*helper));
    EXPECT_EQ(WaitStatus(helper->pid), 0);
    request_.unprivileged = false;
    request_.as.credentials = Credentials{4711, 4711, {4711}};
    const auto user = os.Spawn(request_);
    ASSERT_TRUE(user.ok());
    EXPECT_FALSE(Shared(*user));
    WaitStatus(user->pid);
  });
}

TEST_F(SpawnTest, AFileThatIsWrittenIsWaitedFor) {
  // It is refused to a child that shares our memory first.
  request_.awaits_exec = true;
  const std::string file = Folder("busy") + "/program";
  std::filesystem::copy_file("/bin/true", file,
                             std::filesystem::copy_options::overwrite_existing);
  // Another process: the one that is started would inherit a writer of ours.
  Pipe opened;
  const pid_t writer = Fork([&] {
    const UniqueFd open_file(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    opened.write.reset();
    while (open_file.valid()) ::pause();
    return 1;
  });
  opened.write.reset();
  ReadToEnd(opened.read.get());
  request_.argv = {file};
  const auto spawned = LinuxOs().Spawn(request_);
  ASSERT_TRUE(spawned.ok());
  // Once it sleeps it has been refused; without a second try it has ended.
  for (std::string state = "R"; state[0] == 'R';) {
    state = StatusField(
        ReadFile(absl::StrCat("/proc/", spawned->pid, "/status")), "State");
  }
  EXPECT_EQ(::kill(writer, SIGKILL), 0);
  EXPECT_EQ(WaitStatus(writer), SIGKILL);
  EXPECT_FALSE(Result(*spawned).has_value());
  EXPECT_EQ(WaitStatus(spawned->pid), 0);
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

TEST_F(SpawnTest, AUserNamespaceWithoutSetgroups) {
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  InChild([&] {
    if (::unshare(CLONE_NEWUSER) != 0) return;  // no rights to
    const std::pair<const char*, std::string> files[] = {
        {"setgroups", "deny"},
        {"uid_map", absl::StrCat("0 ", uid, " 1")},
        {"gid_map", absl::StrCat("0 ", gid, " 1")}};
    for (const auto& [name, text] : files) {
      std::ofstream(absl::StrCat("/proc/self/", name)) << text;
    }
    if (::geteuid() != 0) return;
    request_.argv = {"true"};
    request_.as.credentials = Credentials{0, 0, {0, 4}};
    const Outcome outcome = Run();
    EXPECT_FALSE(outcome.failure.has_value());
    EXPECT_TRUE(outcome.status.Success());
    request_.as.credentials = Credentials{1, 0, {0}};
    const Outcome other = Run();
    ASSERT_TRUE(other.failure.has_value());
    EXPECT_EQ(other.failure->stage, SpawnFailure::Stage::kCredentials);
    EXPECT_EQ(other.failure->error, EPERM);
  });
}

// What the files at the descriptors 0 to 2 belong to, after a start as a user.
class StdioTest : public SpawnTest {
 protected:
  static constexpr uid_t kUser = 4711;

  static uid_t Owner(int fd) {
    struct stat info = {};
    EXPECT_EQ(::fstat(fd, &info), 0);
    return info.st_uid;
  }
  // Runs `script` as that user; false: not root.
  bool RunAsUser(const std::string& script) {
    if (::geteuid() != 0 || ::setgroups(0, nullptr) != 0) return false;
    request_.argv = {"/bin/sh", "-c", script};
    request_.as.credentials = Credentials{kUser, kUser, {kUser}};
    const Outcome outcome = Run();
    if (outcome.failure.has_value()) return false;  // one user in all
    EXPECT_TRUE(outcome.status.Success()) << outcome.status.ToString();
    return true;
  }
};

TEST_F(StdioTest, TheUserCanOpenInheritedPipesByName) {
  InChild([&] {
    Pipe out, err;
    ASSERT_EQ(::dup2(out.write.get(), STDOUT_FILENO), STDOUT_FILENO);
    ASSERT_EQ(::dup2(err.write.get(), STDERR_FILENO), STDERR_FILENO);
    if (!RunAsUser("echo one >/dev/stdout; echo two >/dev/stderr")) return;
    for (Pipe* pipe : {&out, &err}) pipe->write.reset();
    ::close(STDOUT_FILENO);
    ::close(STDERR_FILENO);
    if (ReadToEnd(out.read.get()) != "one\n") ::_exit(10);
    if (ReadToEnd(err.read.get()) != "two\n") ::_exit(11);
  });
}

// As those that it inherits: the user can open them by name.
TEST_F(StdioTest, APipeInTheirPlaceBecomesTheUsers) {
  InChild([&] {
    Pipe out, err;
    request_.as.stdout_fd = out.write.get();
    request_.as.stderr_fd = err.write.get();
    if (!RunAsUser("echo one >/dev/stdout; echo two >/dev/stderr")) return;
    for (Pipe* pipe : {&out, &err}) pipe->write.reset();
    if (ReadToEnd(out.read.get()) != "one\n") ::_exit(10);
    if (ReadToEnd(err.read.get()) != "two\n") ::_exit(11);
  });
}

TEST_F(SpawnTest, ItsOutputCanBeAPipe) {
  Pipe out, err;
  request_.as.stdout_fd = out.write.get();
  request_.as.stderr_fd = err.write.get();
  request_.argv = {"/bin/sh", "-c", "echo one; echo two >&2"};
  EXPECT_TRUE(Run().status.Success());
  for (Pipe* pipe : {&out, &err}) pipe->write.reset();
  EXPECT_EQ(ReadToEnd(out.read.get()), "one\n");
  EXPECT_EQ(ReadToEnd(err.read.get()), "two\n");
}

TEST_F(SpawnTest, OutputThatIsDroppedDoesNotGoToThatPipe) {
  Pipe out;
  request_.as.stdout_fd = out.write.get();
  request_.null_stdout = true;
  request_.argv = {"/bin/sh", "-c", "echo one"};
  EXPECT_TRUE(Run().status.Success());
  out.write.reset();
  EXPECT_EQ(ReadToEnd(out.read.get()), "");
}

TEST_F(SpawnTest, APipeThatIsNoneIsAFailure) {
  request_.as.stderr_fd = 999;
  request_.argv = {"/bin/true"};
  const Outcome outcome = Run();
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->stage, SpawnFailure::Stage::kDescriptor);
  EXPECT_EQ(outcome.failure->error, EBADF);
}

TEST_F(StdioTest, ATerminalBecomesTheUsersAndNothingElseDoes) {
  InChild([&] {
    const UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(master.get()), 0);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    const UniqueFd terminal(
        ::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    const std::string fifo = Folder("stdio") + "/fifo";
    ::unlink(fifo.c_str());
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0666), 0);
    const UniqueFd named(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
    const UniqueFd file(
        ::open(report_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (const int fd : {null.get(), named.get(), file.get()}) {
      ASSERT_EQ(::dup2(fd, STDIN_FILENO), STDIN_FILENO);
      ASSERT_EQ(::dup2(terminal.get(), STDOUT_FILENO), STDOUT_FILENO);
      if (!RunAsUser("exit 0")) return;
      EXPECT_EQ(Owner(STDIN_FILENO), 0u);
      EXPECT_EQ(Owner(terminal.get()), kUser);
    }
  });
}

// A helper is not the user's: it only runs with less rights.
TEST_F(StdioTest, AHelperLeavesThemAlone) {
  InChild([&] {
    Pipe out;
    ASSERT_EQ(::dup2(out.write.get(), STDOUT_FILENO), STDOUT_FILENO);
    const UniqueFd program(::open("/bin/sh", O_PATH | O_CLOEXEC));
    request_.program_fd = program.get();
    RunAsUser("exit 0");
    if (Owner(out.write.get()) != ::geteuid()) ::_exit(10);
  });
}

TEST_F(SpawnTest, AForkBeyondTheLimitNamesIt) {
  InChild([&] {
    const rlimit none = {0, 0};
    ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
    // Root has no limit.
    if (::setresuid(4711, 4711, 4711) != 0) return;  // one user in all
    request_.argv = {"true"};
    const auto spawned = LinuxOs().Spawn(request_);
    ASSERT_FALSE(spawned.ok());
    EXPECT_TRUE(absl::IsUnavailable(spawned.status())) << spawned.status();
    EXPECT_THAT(std::string(spawned.status().message()), HasSubstr("pids"));
  });
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
      // It may pass: descriptors are closed, limits are raised. Only a limit
      // that leaves no number for the copies does not.
      EXPECT_TRUE(absl::IsFailedPrecondition(spawned.status()))
          << spawned.status();
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
