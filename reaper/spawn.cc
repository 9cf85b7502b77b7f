// LinuxOs::Spawn: fork, and what happens between fork and exec.
#include <elf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reaper/os.h"
#include "reaper/program.h"

namespace reinit {
namespace {

// Helpers find their socket here.
constexpr int kPassedFd = 3;
// Descriptors that the child still needs are kept clear of it.
constexpr int kLowestPrivateFd = 10;

constexpr char kShell[] = "/bin/sh";
constexpr std::string_view kPidEntries[] = {"LISTEN_PID=", "WATCHDOG_PID="};

// Everything the child needs, laid out before the fork: afterwards only raw
// system calls are allowed, no allocation, no lock, no log.
struct ChildPlan {
  const SpawnRequest* request;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<PassedDescriptor> descriptors;  // clear of their targets
  std::vector<std::string> files;             // to try, in order
  std::vector<const char*> file_pointers;
  int program_fd;
  int result_fd;
  pid_t parent;
  std::vector<char*> shell_argv;  // /bin/sh FILE ARG...; FILE is filled in
  // The entry of each of kPidEntries that is to be replaced; empty: none.
  std::string pid_entries[std::size(kPidEntries)];
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
  SpawnFailure failure;
  failure.stage = stage;
  failure.error = error;
  if (stage == SpawnFailure::Stage::kExec && plan.program_fd < 0) {
    // Not by raw system calls alone, and it need not be: nothing is executed
    // any more, and no other thread of the parent's can have held a lock.
    ExplainExecFailure(plan.request->argv[0], plan.request->environment, error)
        .copy(failure.words, sizeof(failure.words) - 1);
  }
  // A failed write leaves the exit status to tell.
  [[maybe_unused]] const ssize_t written =
      ::write(plan.result_fd, &failure, sizeof(failure));
  ::_exit(stage == SpawnFailure::Stage::kExec
              ? plan.request->as.exec_failure_code(error)
              : 126);
}

void DropCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
}

void TakeRights(const ChildPlan& plan) {
  const SpawnRequest& request = *plan.request;
  const UserProcess& as = request.as;
  if (as.credentials.has_value()) {
    const int error = BecomeUser(*as.credentials);
    if (error != 0) Fail(plan, SpawnFailure::Stage::kCredentials, error);
  }
  // As that user, who may not be let in.
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

// execvp's rule: a candidate that is not there, or not ours to execute, lets
// the next one be tried; "permission denied" is what is reported in the end.
int ExecuteFirst(ChildPlan& plan) {
  bool denied = false;
  for (const char* file : plan.file_pointers) {
    ::execve(file, plan.argv.data(), plan.environment.data());
    switch (errno) {
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
        return errno;
    }
  }
  return denied ? EACCES : errno;
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
    ::syscall(SYS_execveat, plan.program_fd, "", plan.argv.data(),
              plan.environment.data(), AT_EMPTY_PATH);
    Fail(plan, SpawnFailure::Stage::kExec, errno);
  }
  Fail(plan, SpawnFailure::Stage::kExec, ExecuteFirst(plan));
}

// A limit of our own does not pass by itself as lack of memory may.
absl::Status SpawnError(int error, std::string_view call) {
  const absl::Status status = absl::ErrnoToStatus(error, call);
  return error == EMFILE ? absl::FailedPreconditionError(status.message())
                         : status;
}

// Above every number that the child is to find something at.
int LowestPrivate(const SpawnRequest& request) {
  int lowest = kLowestPrivateFd;
  for (const PassedDescriptor& one : request.descriptors) {
    lowest = std::max(lowest, one.as + 1);
  }
  return lowest;
}

// A copy with a high number.
absl::Status MoveUp(int lowest, UniqueFd* fd) {
  UniqueFd high(::fcntl(fd->get(), F_DUPFD_CLOEXEC, lowest));
  if (!high.valid()) return SpawnError(errno, "fcntl(F_DUPFD)");
  *fd = std::move(high);
  return absl::OkStatus();
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

}  // namespace

// The C library's calls would tell threads that are not there.
int BecomeUser(const Credentials& who) {
  const bool done =
      ::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) == 0 &&
      ::syscall(SYS_setresgid, who.gid, who.gid, who.gid) == 0 &&
      ::syscall(SYS_setresuid, who.uid, who.uid, who.uid) == 0;
  return done ? 0 : errno;
}

absl::StatusOr<Spawned> LinuxOs::Spawn(const SpawnRequest& request) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return SpawnError(errno, "pipe2");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  UniqueFd program;
  const int lowest = LowestPrivate(request);
  if (request.pass_fd >= 0 || !request.descriptors.empty()) {
    if (absl::Status moved = MoveUp(lowest, &write_end); !moved.ok()) {
      return moved;
    }
  }
  if (request.program_fd >= 0) {
    program.reset(::fcntl(request.program_fd, F_DUPFD_CLOEXEC, lowest));
    if (!program.valid()) return SpawnError(errno, "fcntl(F_DUPFD)");
  }
  // One may stand where another one is to go.
  std::vector<PassedDescriptor> descriptors = request.descriptors;
  std::vector<UniqueFd> copies;
  for (PassedDescriptor& one : descriptors) {
    copies.emplace_back(::fcntl(one.fd, F_DUPFD_CLOEXEC, lowest));
    one.fd = copies.back().get();
    if (one.fd < 0) return SpawnError(errno, "fcntl(F_DUPFD)");
  }
  ChildPlan plan = {.request = &request,
                    .argv = Pointers(request.argv),
                    .environment = Pointers(request.environment),
                    .descriptors = std::move(descriptors),
                    .files = {},
                    .file_pointers = {},
                    .program_fd = program.get(),
                    .result_fd = write_end.get(),
                    .parent = ::getpid(),
                    .shell_argv = {},
                    .pid_entries = {}};
  if (request.program_fd < 0) {
    plan.files = ProgramCandidates(request.argv[0], request.environment);
    for (const std::string& file : plan.files) {
      plan.file_pointers.push_back(file.c_str());
    }
  }
  if (request.as.text_is_script) {
    plan.shell_argv = {const_cast<char*>(kShell), nullptr};
    plan.shell_argv.insert(plan.shell_argv.end(), plan.argv.begin() + 1,
                           plan.argv.end());
  }
  MarkPidEntries(plan);
  const pid_t pid = ::fork();
  if (pid < 0) return SpawnError(errno, "fork");
  if (pid == 0) RunChild(plan);
  // From both sides, so that the group exists before anyone signals it.
  if (request.own_group && !request.own_session) ::setpgid(pid, pid);
  return Spawned{pid, std::move(read_end)};
}

}  // namespace reinit
