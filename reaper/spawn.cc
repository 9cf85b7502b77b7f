// LinuxOs::Spawn: fork or vfork, and what happens between that and exec.
#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reaper/fork_error.h"
#include "reaper/os.h"
#include "reaper/program.h"
#include "reaper/spawn_files.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// Helpers find their socket here.
constexpr int kPassedFd = 3;

// A file that is still being written (ETXTBSY) is tried again for a second: a
// copy or a link ends soon, and the kernel announces no end of that.
constexpr int kBusyTries = 50;
constexpr int kBusyPauseMillis = 20;

constexpr char kShell[] = "/bin/sh";
constexpr std::string_view kPidEntries[] = {"LISTEN_PID=", "WATCHDOG_PID="};

// Everything the child needs, laid out before the fork: afterwards only raw
// system calls are allowed, no allocation, no lock, no log.
struct ChildPlan {
  const SpawnRequest* request = nullptr;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<PassedDescriptor> descriptors;  // clear of their targets
  std::vector<std::string> files;             // to try, in order
  std::vector<const char*> file_pointers;
  int program_fd = -1;
  std::string program_link;  // to program_fd, in /proc
  int result_fd = -1;
  int start_directory = -1;  // if >= 0: where it begins
  pid_t parent = 0;
  std::vector<char*> shell_argv;  // /bin/sh FILE ARG...; FILE is filled in
  // The entry of each of kPidEntries that is to be replaced; empty: none.
  std::string pid_entries[std::size(kPidEntries)];
  // The child has the parent's memory: it tries once, and explains nothing.
  bool shares_memory = false;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) {
    result.push_back(const_cast<char*>(text.c_str()));
  }
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void Fail(const ChildPlan& plan, SpawnFailure::Stage stage,
                       int error) {
  const int code = stage == SpawnFailure::Stage::kExec
                       ? plan.request->as.exec_failure_code(error)
                       : 126;
  if (plan.shares_memory) {
    [[maybe_unused]] const ssize_t told = ::write(plan.result_fd, "", 1);
    ::_exit(code);
  }
  SpawnFailure failure;
  failure.stage = stage;
  failure.error = error;
  if (stage == SpawnFailure::Stage::kExec && plan.program_fd < 0) {
    // Not by raw system calls alone, and it need not be: nothing is executed
    // any more, and no other thread of the parent's can have held a lock.
    ExplainExecFailure(plan.request->argv[0], plan.request->environment, error)
        .copy(failure.words, sizeof(failure.words) - 1);
  }
  // A failed write leaves the exit status to tell, so it must not end this
  // process by a signal.
  ::signal(SIGPIPE, SIG_IGN);
  [[maybe_unused]] const ssize_t written =
      ::write(plan.result_fd, &failure, sizeof(failure));
  ::_exit(code);
}

void DropCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
}

// What `path` means now, which may not be the directory of old.
void ReturnTo(const char* path) {
  struct stat there;
  struct stat here;
  if (::stat(path, &there) != 0) return;
  const bool same = ::stat(".", &here) == 0 && here.st_dev == there.st_dev &&
                    here.st_ino == there.st_ino;
  [[maybe_unused]] const int moved = same ? 0 : ::chdir(path);
}

// As container runtimes do it: the user can then open /dev/stdout, which is a
// link to the descriptor. Nothing but what has no name, or is a terminal: the
// owner of a file or of /dev/null is not ours to change.
void HandOverStdio(uid_t uid) {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info;
    if (::fstat(fd, &info) != 0 || info.st_uid == uid) continue;
    struct statfs system;
    const bool pipe = S_ISFIFO(info.st_mode) && ::fstatfs(fd, &system) == 0 &&
                      system.f_type == PIPEFS_MAGIC;
    const bool terminal = S_ISCHR(info.st_mode) && ::isatty(fd) == 1;
    if (!pipe && !terminal) continue;
    [[maybe_unused]] const int done = ::fchown(fd, uid, static_cast<gid_t>(-1));
  }
}

// Before HandOverStdio, which is about what the process has there.
void TakeOutput(const ChildPlan& plan) {
  const UserProcess& as = plan.request->as;
  if ((as.stdout_fd >= 0 && ::dup2(as.stdout_fd, STDOUT_FILENO) < 0) ||
      (as.stderr_fd >= 0 && ::dup2(as.stderr_fd, STDERR_FILENO) < 0)) {
    Fail(plan, SpawnFailure::Stage::kDescriptor, errno);
  }
}

void TakeRights(const ChildPlan& plan) {
  const SpawnRequest& request = *plan.request;
  const UserProcess& as = request.as;
  if (plan.start_directory >= 0 && ::fchdir(plan.start_directory) != 0) {
    Fail(plan, SpawnFailure::Stage::kDirectory, errno);
  }
  if (as.credentials.has_value()) {
    if (plan.program_fd < 0) HandOverStdio(as.credentials->uid);
    const int error = BecomeUser(*as.credentials);
    if (error != 0) Fail(plan, SpawnFailure::Stage::kCredentials, error);
  }
  // As that user, who may not be let in.
  if (!as.start_directory.empty()) ReturnTo(as.start_directory.c_str());
  if (!as.directory.empty() && ::chdir(as.directory.c_str()) != 0) {
    Fail(plan, SpawnFailure::Stage::kDirectory, errno);
  }
  if (request.unprivileged || as.no_new_privileges) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  }
  if (request.unprivileged) DropCapabilities();
}

// A check or helper must not eat what is meant for the process, nor write
// among what it writes. Without /dev/null it has to be trusted not to.
void ReplaceStdio(const SpawnRequest& request) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  if (request.null_stdin) ::dup2(null, STDIN_FILENO);
  if (request.null_stdout) ::dup2(null, STDOUT_FILENO);
}

void PassDescriptors(const ChildPlan& plan) {
  for (const PassedDescriptor& one : plan.descriptors) {
    if (::dup2(one.fd, one.as) < 0) {
      Fail(plan, SpawnFailure::Stage::kDescriptor, errno);
    }
  }
  const int passed = plan.request->pass_fd;
  if (passed < 0) return;
  const int result = passed == kPassedFd ? ::fcntl(passed, F_SETFD, 0)
                                         : ::dup2(passed, kPassedFd);
  if (result < 0) Fail(plan, SpawnFailure::Stage::kDescriptor, errno);
  // A helper must not hold open what reinit itself was given. Fails on old
  // kernels, where it merely holds them.
  int first = kPassedFd + 1;
  for (const PassedDescriptor& one : plan.descriptors) {
    first = std::max(first, one.as + 1);
  }
  ::syscall(SYS_close_range, first, ~0U, 1U << 2 /* CLOEXEC */);
}

// Decimal digits, by hand: between fork and exec nothing may allocate.
void WriteNumber(pid_t number, char* to) {
  char digits[16];
  size_t count = 0;
  for (; number > 0; number /= 10) {
    digits[count++] = static_cast<char>('0' + number % 10);
  }
  while (count > 0) *to++ = digits[--count];
  *to = '\0';
}

// execvp has the shell read a program that is built for another machine, too.
bool IsElf(const char* file) {
  const int fd = ::open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char magic[SELFMAG];
  const bool elf = ::read(fd, magic, sizeof(magic)) == sizeof(magic) &&
                   ::memcmp(magic, ELFMAG, SELFMAG) == 0;
  ::close(fd);
  return elf;
}

// Returns errno.
int Execute(const ChildPlan& plan, const char* file) {
  for (int tries = 1;; ++tries) {
    ::execve(file, plan.argv.data(), plan.environment.data());
    const bool again = errno == ETXTBSY && !plan.shares_memory;
    if (!again || tries == kBusyTries) return errno;
    ::poll(nullptr, 0, kBusyPauseMillis);
  }
}

// Some seccomp profiles refuse execveat, and emulators (qemu-user) lack it.
// Returns the first errno.
int ExecuteDescriptor(const ChildPlan& plan) {
  ::syscall(SYS_execveat, plan.program_fd, "", plan.argv.data(),
            plan.environment.data(), AT_EMPTY_PATH);
  const int error = errno;
  for (const std::string* file :
       {&plan.program_link, &plan.request->program_path}) {
    if (file->empty()) continue;
    ::execve(file->c_str(), plan.argv.data(), plan.environment.data());
  }
  return error;
}

// execvp's rule: a candidate that is not there, or not ours to execute, lets
// the next one be tried; "permission denied" is what is reported in the end.
int ExecuteFirst(ChildPlan& plan) {
  bool denied = false;
  int last = ENOENT;
  for (const char* file : plan.file_pointers) {
    const int error = Execute(plan, file);
    switch (error) {
      case EACCES:
        denied = true;
        break;
      case ENOEXEC:
        if (plan.shell_argv.empty() || IsElf(file)) return ENOEXEC;
        plan.shell_argv[1] = const_cast<char*>(file);
        ::execve(kShell, plan.shell_argv.data(), plan.environment.data());
        return errno;
      case ENOENT:
      case ENOTDIR:
      case ESTALE:
      case ENODEV:
      case ETIMEDOUT:
        break;
      default:
        return error;
    }
    last = error;
  }
  return denied ? EACCES : last;
}

[[noreturn]] void RunChild(ChildPlan& plan) {
  const SpawnRequest& request = *plan.request;
  // Errors of these are survivable everywhere (gVisor gives a spurious EPERM
  // for setpgid, a terminal may be gone).
  if (request.own_session) {
    ::setsid();
    ::ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  } else if (request.own_group) {
    ::setpgid(0, 0);
  }
  if (request.terminal_fd >= 0) {
    const pid_t self = ::getpid();
    ::ioctl(request.terminal_fd, TIOCSPGRP, &self);
  }
  TakeOutput(plan);
  TakeRights(plan);
  if (request.die_with_parent) {
    // After the credentials: changing them clears it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != plan.parent) ::_exit(126);
  }
  if (request.null_stdin || request.null_stdout) ReplaceStdio(request);
  PassDescriptors(plan);
  for (size_t i = 0; i < std::size(kPidEntries); ++i) {
    if (plan.pid_entries[i].empty()) continue;
    WriteNumber(::getpid(), plan.pid_entries[i].data() + kPidEntries[i].size());
  }
  RestoreSignals(request.as.signals);
  if (plan.program_fd >= 0) {
    Fail(plan, SpawnFailure::Stage::kExec, ExecuteDescriptor(plan));
  }
  Fail(plan, SpawnFailure::Stage::kExec, ExecuteFirst(plan));
}

// This process has these ids and no others.
bool IsUser(const Credentials& who) {
  uid_t uids[3];
  gid_t gids[3];
  if (::getresuid(&uids[0], &uids[1], &uids[2]) != 0) return false;
  if (::getresgid(&gids[0], &gids[1], &gids[2]) != 0) return false;
  return std::count(std::begin(uids), std::end(uids), who.uid) == 3 &&
         std::count(std::begin(gids), std::end(gids), who.gid) == 3;
}

// With room for the longest number.
void MarkPidEntries(ChildPlan& plan) {
  for (size_t i = 0; i < std::size(kPidEntries); ++i) {
    const std::string ours = absl::StrCat(kPidEntries[i], plan.parent);
    for (char*& entry : plan.environment) {
      if (entry == nullptr || entry != ours) continue;
      plan.pid_entries[i] = absl::StrCat(kPidEntries[i], INT32_MAX);
      entry = plan.pid_entries[i].data();
      break;
    }
  }
}

// What is known before the descriptors are.
void LayOut(const SpawnRequest& request, ChildPlan* plan) {
  plan->request = &request;
  plan->argv = Pointers(request.argv);
  plan->environment = Pointers(request.environment);
  plan->parent = ::getpid();
  if (request.program_fd < 0) {
    plan->files = ProgramCandidates(request.argv[0], request.environment);
    for (const std::string& file : plan->files) {
      plan->file_pointers.push_back(file.c_str());
    }
  }
  if (request.as.text_is_script) {
    plan->shell_argv = {const_cast<char*>(kShell), nullptr};
    plan->shell_argv.insert(plan->shell_argv.end(), plan->argv.begin() + 1,
                            plan->argv.end());
  }
  MarkPidEntries(*plan);
}

#if defined(__SANITIZE_ADDRESS__)
// The child would leave its marks in the shadow of our stack.
constexpr bool kMayShareMemory = false;
#else
constexpr bool kMayShareMemory = true;
#endif

// Whether the child may be one that shares our memory until its exec (vfork),
// which copies no page tables. Who may trace that child may write to our
// memory: so not where it is to have fewer rights than we have. What a failed
// one has done must not count: so not where it takes a terminal, which the
// kernel hangs up when its session's leader ends.
bool MayShareMemory(const SpawnRequest& request) {
  const bool plain = request.program_fd < 0 && request.pass_fd < 0 &&
                     request.descriptors.empty();
  const bool less = request.unprivileged || request.as.credentials.has_value();
  const bool terminal = request.terminal_fd >= 0 ||
                        (request.own_session && ::isatty(STDIN_FILENO) == 1);
  return kMayShareMemory && request.awaits_exec && plain && !less && !terminal;
}

// A function of its own, since the child uses the stack below it while the
// parent waits for the exec: nothing there may be the parent's.
[[gnu::noinline]] pid_t ForkSharing(ChildPlan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) RunChild(plan);
  return pid;
}

// Takes back the SIGCHLD of a child that was waited for here, unless another
// child waits as well.
void TakeBackSigchld() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const timespec no_time = {};
  if (::sigtimedwait(&child, nullptr, &no_time) != SIGCHLD) return;
  siginfo_t other = {};
  const int error =
      ::waitid(P_ALL, 0, &other, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
  if (error == 0 && other.si_pid != 0) ::kill(::getpid(), SIGCHLD);
}

// The pid of a child that runs the program. 0: there is none, for whatever
// reason. It is for a forked one, which may wait and allocate, to try again and
// to tell why. A failure is told by a pipe, not by the memory that both share,
// since emulators (qemu-user) make a fork of vfork.
pid_t StartSharing(ChildPlan& plan) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 0;
  const UniqueFd result(ends[0]);
  UniqueFd failure(ends[1]);
  plan.result_fd = failure.get();
  plan.shares_memory = true;
  const pid_t pid = ForkSharing(plan);
  plan.shares_memory = false;
  if (pid < 0) return 0;
  failure.reset();
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(result.get(), &byte, sizeof(byte));
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(byte)) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  TakeBackSigchld();
  return 0;
}

}  // namespace

// The C library's calls would tell threads that are not there.
int BecomeUser(const Credentials& who) {
  if (::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) != 0) {
    // A user namespace may have no setgroups at all. Who is that user already
    // has nothing to give up.
    const int error = errno;
    if (error != EPERM || !IsUser(who)) return error;
  }
  const bool done = ::syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
                    ::syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0;
  return done ? 0 : errno;
}

absl::StatusOr<Spawned> LinuxOs::Spawn(const SpawnRequest& request) {
  ChildPlan plan;
  LayOut(request, &plan);
  plan.start_directory = start_directory_.get();
  if (MayShareMemory(request)) {
    const pid_t pid = StartSharing(plan);
    if (pid != 0) return Spawned{pid, UniqueFd()};
  }
  absl::StatusOr<SpawnFiles> files = SpawnFiles::Open(request);
  if (!files.ok()) return files.status();
  plan.descriptors = files->descriptors;
  plan.result_fd = files->failure.get();
  plan.program_fd = files->program.get();
  if (files->program.valid()) {
    plan.program_link = absl::StrCat("/proc/self/fd/", files->program.get());
  }
  const pid_t pid = ::fork();
  if (pid < 0) return ForkError(errno);
  if (pid == 0) RunChild(plan);
  // From both sides, so that the group exists before anyone signals it.
  if (request.own_group && !request.own_session) ::setpgid(pid, pid);
  return Spawned{pid, std::move(files->result)};
}

}  // namespace reinit
