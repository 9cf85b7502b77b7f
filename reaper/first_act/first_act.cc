#include "reaper/first_act/first_act.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <initializer_list>

#include "reaper/first_act/raw_calls.h"

namespace reinit {
namespace {

FirstActResult result;

constexpr uint64_t kAllSignals = ~uint64_t{0};
// As PATH_MAX.
constexpr unsigned kMaxPath = 4096;
// So that a storm of orphans leaves time for the other signals.
constexpr int kReapedInARow = 64;

// What the child needs.
struct Command {
  char** argv;
  char** environment;
  const char* path;           // of PATH; null: argv[0] has a slash
  int folder = -1;            // where this process was started
  int failure[2] = {-1, -1};  // a pipe: the child writes if it cannot execute
  uint64_t blocked = 0;
};

bool StartsWith(const char* text, const char* start) {
  while (*start != '\0') {
    if (*text++ != *start++) return false;
  }
  return true;
}

bool Equal(const char* a, const char* b) {
  return StartsWith(a, b) && StartsWith(b, a);
}

const char* BaseName(const char* path) {
  const char* base = path;
  for (; *path != '\0'; ++path) {
    if (*path == '/') base = path + 1;
  }
  return base;
}

// The conditions. They change nothing.

bool StdioIsPlain() {
  for (int fd = 0; fd <= 2; ++fd) {
    // Not `struct termios`, whose size the kernel and libc do not agree on.
    char terminal[64];
    if (Call(SYS_ioctl, fd, TCGETS, Address(terminal)) != -ENOTTY) return false;
  }
  return true;
}

bool ChildSignalIsDefault() {
  // The kernel's sigaction: handler, flags, restorer, mask.
  unsigned long action[4];
  return Call(SYS_rt_sigaction, SIGCHLD, 0, Address(action),
              sizeof(uint64_t)) == 0 &&
         action[0] == 0 /* SIG_DFL */;
}

// False if a variable asks for more than a plain init. `*path` becomes what
// PATH says, or null.
bool EnvironmentIsPlain(char** environment, bool as_tini, const char** path) {
  for (; *environment != nullptr; ++environment) {
    for (const char* other : {"REINIT_", "LISTEN_", "WATCHDOG_"}) {
      if (StartsWith(*environment, other)) return false;
    }
    if (as_tini && StartsWith(*environment, "TINI_")) return false;
    if (*path == nullptr && StartsWith(*environment, "PATH=")) {
      *path = *environment + sizeof("PATH=") - 1;
    }
  }
  return true;
}

// The child.

// execvp's rule: a candidate that is not there lets the next one be tried.
// Returns only if none can be executed.
void Execute(Command* command) {
  char** const argv = command->argv;
  const char* from = command->path;
  if (from == nullptr) {
    Call(SYS_execve, Address(argv[0]), Address(argv),
         Address(command->environment));
    return;
  }
  char file[kMaxPath];
  for (;; ++from) {
    unsigned size = 0;
    for (; *from != '\0' && *from != ':' && size < kMaxPath; ++from) {
      file[size++] = *from;
    }
    if (size > 0 && size < kMaxPath) file[size++] = '/';
    for (const char* name = argv[0]; size < kMaxPath; ++name) {
      file[size++] = *name;
      if (*name == '\0') break;
    }
    if (size == kMaxPath) return;
    const long error = Call(SYS_execve, Address(file), Address(argv),
                            Address(command->environment));
    if (error != -ENOENT && error != -ENOTDIR && error != -EACCES) return;
    if (*from == '\0') return;
  }
}

void RunChild(void* argument) {
  Command* const command = static_cast<Command*>(argument);
  Call(SYS_setpgid, 0, 0);
  if (Call(SYS_fchdir, command->folder) == 0) {
    Call(SYS_rt_sigprocmask, SIG_SETMASK, Address(&command->blocked), 0,
         sizeof(uint64_t));
    Execute(command);
  }
  Call(SYS_write, command->failure[1], Address(""), 1);
  Call(SYS_exit_group, 127);
}

// The parent.

// Once the child has executed a program, or has ended. By the pipe, not by the
// memory that both share, which emulators (qemu-user) make two.
bool HasFailed(const Command& command) {
  Call(SYS_close, command.failure[1]);
  char byte;
  long got;
  do {
    got = Call(SYS_read, command.failure[0], Address(&byte), 1);
  } while (got == -EINTR);
  return got == 1;
}

void TakeBack(const Command& command) {
  Call(SYS_fchdir, command.folder);
  for (const int fd : {command.folder, command.failure[0]}) {
    Call(SYS_close, fd);
  }
  Call(SYS_rt_sigprocmask, SIG_SETMASK, Address(&command.blocked), 0,
       sizeof(uint64_t));
}

// False if nothing was started, and all is as before.
bool Start(Command* command) {
  if (Call(SYS_pipe2, Address(command->failure), O_CLOEXEC) != 0) return false;
  command->folder = static_cast<int>(
      Call(SYS_openat, AT_FDCWD, Address("."), O_PATH | O_CLOEXEC));
  Call(SYS_rt_sigprocmask, SIG_SETMASK, Address(&kAllSignals),
       Address(&command->blocked), sizeof(uint64_t));
  // Before the child runs: it may look where its parent is.
  if (command->folder >= 0) Call(SYS_chdir, Address("/"));
  const long child = command->folder < 0 ? -1 : Vfork(RunChild, command);
  if (HasFailed(*command) || child < 0) {
    if (child > 0) Call(SYS_wait4, child, 0, 0, 0);
    TakeBack(*command);
    return false;
  }
  result.child = static_cast<pid_t>(child);
  result.blocked = command->blocked;
  return true;
}

// False if more than a plain init is needed to pass it on.
bool Send(const siginfo_t& info) {
  if (result.child_ended) return false;
  switch (info.si_signo) {
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
      return false;
    default:
      break;
  }
  const long sent = info.si_code == SI_QUEUE
                        ? Call(SYS_rt_sigqueueinfo, result.child, info.si_signo,
                               Address(&info))
                        : Call(SYS_kill, result.child, info.si_signo);
  return sent == 0 || sent == -ESRCH;
}

// A child that asked to be traced by us waits at each signal: it gets that one
// and is free. As LinuxOs::ReapOne does it.
void LetGo(long pid, int status) {
  long signal = status >> 16 != 0 ? 0 : WSTOPSIG(status);
  siginfo_t info;
  if (signal == SIGTRAP &&
      Call(SYS_ptrace, PTRACE_GETSIGINFO, pid, 0, Address(&info)) == 0 &&
      info.si_code == SI_USER && info.si_pid == pid) {
    signal = 0;
  }
  Call(SYS_ptrace, PTRACE_DETACH, pid, 0, signal);
}

bool AnyIsStopped() {
  siginfo_t stopped;
  stopped.si_pid = 0;
  const long found = Call(SYS_waitid, P_ALL, 0, Address(&stopped),
                          WSTOPPED | WNOHANG | WNOWAIT, 0);
  return found != 0 || stopped.si_pid != 0;
}

enum class Next { kGoOn, kEnd, kHandOver };

Next Reap(bool ends_at_once) {
  for (int reaped = 0; reaped < kReapedInARow; ++reaped) {
    int status = 0;
    const long pid = Call(SYS_wait4, -1, Address(&status), WNOHANG, 0);
    if (pid == 0) {
      return result.child_ended || AnyIsStopped() ? Next::kHandOver
                                                  : Next::kGoOn;
    }
    if (pid < 0) return result.child_ended ? Next::kEnd : Next::kHandOver;
    if (WIFSTOPPED(status)) {
      LetGo(pid, status);
    } else if (pid == result.child) {
      result.child_ended = true;
      result.wait_status = status;
      if (ends_at_once) return Next::kEnd;
    }
  }
  Call(SYS_kill, Call(SYS_getpid), SIGCHLD);
  return Next::kGoOn;
}

// Until the child has ended, or more than a plain init is needed: then what
// tells so is pending again.
Next Forward(bool ends_at_once) {
  for (;;) {
    siginfo_t info;
    const long signal = Call(SYS_rt_sigtimedwait, Address(&kAllSignals),
                             Address(&info), 0, sizeof(kAllSignals));
    if (signal == -EINTR) continue;  // this process was stopped
    if (signal < 0) return Next::kHandOver;
    Next next = Next::kGoOn;
    if (signal == SIGCHLD) {
      next = Reap(ends_at_once);
    } else if (!Send(info)) {
      next = Next::kHandOver;
    }
    if (next == Next::kHandOver) {
      Call(SYS_rt_sigqueueinfo, Call(SYS_getpid), signal, Address(&info));
    }
    if (next != Next::kGoOn) return next;
  }
}

int ExitCode() {
  const int status = result.wait_status;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Whether argv is the plain form. `*as_tini` becomes whether it is tini's.
bool LineIsPlain(char** argv, long argc, bool* as_tini) {
  if (argc < 3 || !Equal(argv[1], "--") || *argv[2] == '\0') return false;
  const char* const name = BaseName(argv[0]);
  for (const char* tini : {"tini", "tini-static", "docker-init"}) {
    if (Equal(name, tini)) *as_tini = true;
  }
  return *as_tini || Equal(name, "reinit");
}

// Orphans come to PID 1 by themselves.
bool BecomeParent(bool as_tini) {
  if (Call(SYS_getpid) == 1) return true;
  return !as_tini && Call(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

}  // namespace

// `stack` is as the kernel made it: argc, argv, null, environment, null. Called
// by the entry, which goes to _start if this returns.
extern "C" void ReinitFirstAct(long* stack) {
  const long argc = *stack;
  char** const argv = reinterpret_cast<char**>(stack + 1);
  Command command = {argv + 2, argv + argc + 1, nullptr};
  bool as_tini = false;
  if (!LineIsPlain(argv, argc, &as_tini) ||
      !EnvironmentIsPlain(command.environment, as_tini, &command.path)) {
    return;
  }
  if (BaseName(argv[2]) != argv[2]) {
    command.path = nullptr;
  } else if (command.path == nullptr) {
    return;
  }
  if (!StdioIsPlain() || !ChildSignalIsDefault() || !BecomeParent(as_tini) ||
      !Start(&command)) {
    return;
  }
  // A kernel before 5.9 cannot: then main() closes them.
  Next next = Next::kHandOver;
  if (Call(SYS_close_range, 3, ~0U, 0) == 0) next = Forward(as_tini);
  if (next == Next::kEnd) Call(SYS_exit_group, ExitCode());
  result.acted = true;
}

const FirstActResult& FirstAct() { return result; }

}  // namespace reinit
