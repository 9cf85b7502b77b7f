// Defines the seam between reinit and the kernel's process calls.
#ifndef REINIT_REAPER_OS_H_
#define REINIT_REAPER_OS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reaper/program.h"
#include "reaper/self/signal_mask.h"
#include "reaper/unique_fd.h"
#include "reaper/value/exit_status.h"

namespace reinit {

// Whose rights a process has.
struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
};

// Gives this process those rights, for good. By raw system calls only, for
// between fork and exec. Returns 0 or errno. A process that is that user keeps
// its supplementary groups where it may not change them.
int BecomeUser(const Credentials& who);

// How the user's own processes are started: the supervised command, hooks and
// exec checks alike. Helpers are not among them.
struct UserProcess {
  SignalState signals;    // as reinit inherited it, given on exactly
  std::string directory;  // empty: reinit's own
  // Absolute, or empty: where reinit was started. Should another directory be
  // there by now (git checkout removes and makes them), the process starts in
  // that one, and `directory` is looked for from there.
  std::string start_directory;
  // None: reinit's own. With some, the pipes and terminals at the descriptors 0
  // to 2 get that user as their owner.
  std::optional<Credentials> credentials;
  bool no_new_privileges = false;
  // If >= 0: becomes its descriptor 1 or 2, unless that is /dev/null. Borrowed,
  // and must be above 2.
  int stdout_fd = -1;
  int stderr_fd = -1;
  // As execvp(3) does, a text without a #! line is run by /bin/sh; unlike
  // there, an ELF file never is.
  bool text_is_script = false;
  // What to exit with when it cannot be executed; called between fork and exec.
  int (*exec_failure_code)(int error) = ExecFailureCode;
};

// One of ours that the child is to have.
struct PassedDescriptor {
  int fd = -1;  // stays the caller's
  int as = -1;  // its number in the child
};

// What is to be started. Plain values; nothing here is looked at after Spawn
// has returned, except that the descriptors stay the caller's.
struct SpawnRequest {
  std::vector<std::string> argv;  // argv[0] is searched for in PATH
  // KEY=value. Its PATH is used. A LISTEN_PID or WATCHDOG_PID that is ours
  // becomes the child's (a service manager, through a runtime, means us by it).
  std::vector<std::string> environment;
  int program_fd = -1;  // if >= 0 this file is executed, not argv[0]
  // The same file by name, for where program_fd cannot be executed; or empty.
  std::string program_path;

  bool own_group = true;     // lead a process group of its own
  bool own_session = false;  // lead a session, on the terminal at descriptor 0
  int terminal_fd = -1;      // if >= 0: make that group its foreground group
  int pass_fd = -1;          // if >= 0: becomes the child's descriptor 3
  std::vector<PassedDescriptor> descriptors;  // more of them; not 0 to 2
  bool die_with_parent = false;               // SIGKILL when reinit ends
  bool unprivileged = false;  // without any capability, for good
  bool null_stdin = false;    // /dev/null for its descriptor 0
  bool null_stdout = false;   // and 1
  // The caller can wait for the exec, however long that takes, and has all
  // signals blocked and none handled. Then a plain start copies no memory.
  bool awaits_exec = false;
  UserProcess as;
};

// Where a spawn failed, as the child reports it before it is replaced.
struct SpawnFailure {
  enum class Stage : int32_t {
    kDescriptor,
    kDirectory,
    kCredentials,
    kExec,
  };
  Stage stage = Stage::kExec;
  int32_t error = 0;  // errno
  // Of kExec, but not of a program_fd: ExplainExecFailure, as much as fits. By
  // the child, which has the rights and the folder that it was tried with, and
  // may hang if the file system does.
  char words[512] = {};
};

struct Spawned {
  pid_t pid = 0;
  // Readable with end of file once the program runs, or with one SpawnFailure.
  // Invalid (only after SpawnRequest::awaits_exec): the program runs already.
  UniqueFd result;
};

// What came out of one waitpid(-1, WNOHANG | WUNTRACED).
struct Reaped {
  enum class What {
    kProcess,
    kStopped,
    kReleased,  // was stopped because it had asked to be traced: it goes on
    kNoneReady,
    kNoChildren
  };
  What what = What::kNoneReady;
  pid_t pid = 0;
  ExitStatus status;    // of kProcess
  int stop_signal = 0;  // of kStopped
};

// One signal, with what its sender attached.
struct SignalInfo {
  int signo = 0;
  int code = 0;      // si_code: SI_USER, SI_QUEUE, SI_KERNEL...
  pid_t sender = 0;  // 0: the kernel, or outside of this pid namespace
  uid_t sender_uid = 0;
  uint64_t value = 0;  // si_value of SI_QUEUE
};

struct ProcessInfo {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = '?';  // as in /proc/PID/stat: R S D T Z...
  std::string name;  // at most 15 bytes of any kind
  bool kernel_thread = false;
  uint64_t started = 0;  // in clock ticks; with the pid it names one process
  // On its way out: its memory, and with it its environment, may be gone while
  // its children are not yet handed on.
  bool ending = false;
};

// About a dozen process operations behind one interface, so that a test can
// run a world of its own and fail the N-th call. Used on one thread. None of
// them blocks, but for EnvironmentOf and CommandLine, and for Spawn if the
// request allows it.
class Os {
 public:
  virtual ~Os() = default;

  // Forks; the error is the errno of fork or pipe as a status: Unavailable and
  // ResourceExhausted may pass, others will not. A program that
  // cannot be executed is not an error here: it comes through Spawned::result,
  // for a file that is open for writing (ETXTBSY) a second later. With
  // awaits_exec the call may last as long as the exec.
  virtual absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) = 0;

  // Runs `work` in a child that has nothing of ours open but 0 to 2, and ends
  // with what that returns (0 to 255): for what may hang in the kernel. It dies
  // with this process. The error is as Spawn's.
  virtual absl::StatusOr<pid_t> Fork(absl::FunctionRef<int()> work) = 0;

  // Runs a child that takes the next datagram from `socket`, with the
  // descriptors that came with it, and then stops itself: ReapOne tells. The
  // datagram's text is lost. SIGKILL makes the child close the descriptors as
  // it exits, where no SO_LINGER counts. A child that ends without a stop may
  // have taken nothing. The error is as Spawn's.
  virtual absl::StatusOr<pid_t> ForkToReceive(int socket) = 0;

  // Closes unix sockets that strangers may have sent descriptors to, and
  // empties `sockets`. A child holds copies meanwhile, and has got SIGKILL when
  // this returns: its exit closes the descriptors, and no SO_LINGER counts
  // there. The error is as Spawn's; then nothing is closed.
  virtual absl::StatusOr<pid_t> CloseByChild(
      std::vector<UniqueFd>* sockets) = 0;

  // Reaps one ended child, or tells of one that was stopped, if there is one.
  // A child that this process traces (it, or a thread of it, has asked for that
  // by PTRACE_TRACEME) is let go, with the signal that it was stopped for.
  virtual Reaped ReapOne() = 0;

  // Sends to a process (pid > 0), to a group (pid < -1), or (-1) to all that
  // this process may signal, itself and PID 1 excepted. A queued real-time
  // signal keeps its payload where the kernel can (not to a group). Returns 0
  // or errno. The caller knows `pid` as an unreaped child or a descendant.
  virtual int Send(pid_t pid, const SignalInfo& signal) = 0;
  int Send(pid_t pid, int signo) {
    return Send(pid, SignalInfo{.signo = signo});
  }

  // All processes that can be seen; empty where there is no /proc. What is
  // forked during the look may be missing.
  virtual std::vector<ProcessInfo> Processes() = 0;

  // One of them; nothing if it is not there.
  virtual std::optional<ProcessInfo> ReadProcess(pid_t pid) = 0;

  // This process's own children, ended ones that are not reaped included;
  // nothing where the kernel does not tell.
  virtual std::optional<std::vector<pid_t>> Children() = 0;

  // `roots` and all that lives below them, at a cost that does not grow with
  // the number of other processes. What is forked during the look may be
  // missing. To be called where Children tells something.
  virtual std::vector<ProcessInfo> Below(absl::Span<const pid_t> roots) = 0;

  // The environment that `pid` was started with, each entry with a 0 behind it;
  // nothing if it cannot be read or is empty. To be called in a child (Fork)
  // only: that process may make it wait for ever.
  virtual std::optional<std::string> EnvironmentOf(pid_t pid) = 0;

  // Whether a signal is caught, blocked or ignored by a process: then it cannot
  // be ended by it. Nothing if that cannot be told.
  virtual std::optional<bool> Withstands(pid_t pid, int signo) = 0;

  // The process that traces it (a debugger, strace); 0: none. Nothing if that
  // cannot be told.
  virtual std::optional<pid_t> TracerOf(pid_t pid) = 0;

  // The arguments of a process, joined by blanks, at most 4 KiB of them; empty
  // if it has none or they cannot be read. In a child only, as EnvironmentOf.
  virtual std::string CommandLine(pid_t pid) = 0;

  // Whose process it is; nothing if it has ended.
  virtual std::optional<uid_t> UserOf(pid_t pid) = 0;

  // Sends to a process that reinit has not started, so that its pid may be
  // another's by now: then ESRCH. Returns 0 or errno.
  virtual int SendToStranger(const ProcessInfo& process, int signo) = 0;

  // Resident memory in bytes; 0 if that cannot be told, or it has ended.
  virtual int64_t ResidentBytes(pid_t pid) = 0;

  // Processor time that a process has used, all its threads together; nothing
  // if that cannot be told.
  virtual std::optional<absl::Duration> ProcessorTime(pid_t pid) = 0;

  // How often the kernel killed for lack of memory in our memory cgroup;
  // nothing if that cannot be told.
  virtual std::optional<int64_t> OomKills() = 0;

  // A file of which epoll reports EPOLLPRI, from a change of that count until
  // it is read at offset 0. Other changes of the cgroup's memory are reported
  // as well, up to a hundred a second. Invalid where there is none.
  virtual UniqueFd OpenOomEvents() = 0;

  // The process group of a process that is known to be unreaped; 0: our own.
  virtual pid_t GroupOf(pid_t pid) = 0;

  virtual pid_t Self() = 0;

  // Whether somebody would notice that this process is stopped, and could
  // continue it: a shell with job control, of which it is a job.
  virtual bool CanBeContinued() = 0;

  // Stops this process, with its whole loop, until somebody sends SIGCONT. The
  // kernel does not stop PID 1 for itself.
  virtual void StopSelf() = 0;

  // Lets go of what this process was given and only a start needs: the folder
  // that it stands in, descriptors above 2. What a mount or a pipe's reader
  // waits for is then the child's alone.
  virtual void ReleaseInherited() = 0;

  // See reaper/self/memory.h.
  virtual void ReleaseStartPages() = 0;
};

// The kernel.
class LinuxOs : public Os {
 public:
  using Os::Send;
  absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) override;
  absl::StatusOr<pid_t> Fork(absl::FunctionRef<int()> work) override;
  absl::StatusOr<pid_t> ForkToReceive(int socket) override;
  absl::StatusOr<pid_t> CloseByChild(std::vector<UniqueFd>* sockets) override;
  Reaped ReapOne() override;
  int Send(pid_t pid, const SignalInfo& signal) override;
  std::vector<ProcessInfo> Processes() override;
  std::optional<ProcessInfo> ReadProcess(pid_t pid) override;
  std::optional<std::vector<pid_t>> Children() override;
  std::vector<ProcessInfo> Below(absl::Span<const pid_t> roots) override;
  std::optional<std::string> EnvironmentOf(pid_t pid) override;
  std::optional<bool> Withstands(pid_t pid, int signo) override;
  std::optional<pid_t> TracerOf(pid_t pid) override;
  std::string CommandLine(pid_t pid) override;
  std::optional<uid_t> UserOf(pid_t pid) override;
  int SendToStranger(const ProcessInfo& process, int signo) override;
  int64_t ResidentBytes(pid_t pid) override;
  std::optional<absl::Duration> ProcessorTime(pid_t pid) override;
  std::optional<int64_t> OomKills() override;
  UniqueFd OpenOomEvents() override;
  pid_t GroupOf(pid_t pid) override;
  pid_t Self() override;
  bool CanBeContinued() override;
  void StopSelf() override;
  void ReleaseInherited() override;
  void ReleaseStartPages() override;

  // Moves this process to / before anything is started, so that no process can
  // find it elsewhere. What it starts begins where this one began, up to
  // ReleaseInherited. Does nothing if it could not return there.
  void LeaveStartDirectory();

 private:
  UniqueFd start_directory_;  // invalid: where this process is
};

// One look at all processes. `next` draws the pids there are, 0 after the last;
// `read` looks at one. To read takes longer than to fork, and a new pid is
// listed behind the others: so all are drawn before the first is read, or a
// storm of forks would keep the look from ever ending.
std::vector<ProcessInfo> ReadProcesses(
    absl::FunctionRef<pid_t()> next,
    absl::FunctionRef<std::optional<ProcessInfo>(pid_t)> read);

// Of memory.events (cgroup v2) or memory.oom_control (v1).
std::optional<int64_t> ParseOomKills(std::string_view events);

}  // namespace reinit

#endif  // REINIT_REAPER_OS_H_
