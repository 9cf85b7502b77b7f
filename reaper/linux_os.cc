#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/fork_error.h"
#include "reaper/os.h"
#include "reaper/passed_rights.h"
#include "reaper/self/children.h"
#include "reaper/self/file_user.h"
#include "reaper/self/memory.h"

namespace reinit {
namespace {

// More than any environment that execve takes, unless it was tampered with.
constexpr size_t kMaxProcFile = 4 << 20;

// As many processes as Linux can have at first.
constexpr size_t kMostBelow = 32768;

// In a container its own cgroup is what is mounted there.
constexpr char kMemoryEvents[] = "/sys/fs/cgroup/memory.events";

// Where there is no close_range: ours are few.
constexpr int kMaxGuessedFd = 1024;

// A file of /proc. False if it is not there, not ours to read, or too long.
bool ReadProc(const std::string& path, std::string* content) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return false;
  content->clear();
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0) return false;
    if (got == 0) return true;
    content->append(buffer, static_cast<size_t>(got));
    if (content->size() > kMaxProcFile) return false;
  }
}

// PF_KTHREAD and PF_EXITING of the kernel's sched.h, which user space has no
// names for.
constexpr uint64_t kKernelThread = 0x200000;
constexpr uint64_t kExiting = 0x4;

// `pid (comm) state ppid pgrp session ...`; comm may hold anything, also ")".
std::optional<ProcessInfo> ParseStat(pid_t pid, std::string_view stat) {
  const size_t close = stat.rfind(')');
  if (close == std::string_view::npos || close + 2 >= stat.size()) return {};
  const std::vector<std::string_view> fields =
      absl::StrSplit(stat.substr(close + 2), absl::MaxSplits(' ', 20));
  ProcessInfo info;
  info.pid = pid;
  const size_t open = stat.find('(');
  if (open < close) info.name = stat.substr(open + 1, close - open - 1);
  int threads = 0;
  uint64_t flags = 0;
  if (fields.size() < 20 || fields[0].empty() ||
      !absl::SimpleAtoi(fields[17], &threads) ||
      !absl::SimpleAtoi(fields[1], &info.parent) ||
      !absl::SimpleAtoi(fields[2], &info.group) ||
      !absl::SimpleAtoi(fields[3], &info.session) ||
      !absl::SimpleAtoi(fields[6], &flags) ||
      !absl::SimpleAtoi(fields[19], &info.started)) {
    return {};
  }
  info.kernel_thread = (flags & kKernelThread) != 0;
  info.state = fields[0][0];
  info.ending = (flags & kExiting) != 0;
  // Only its first thread has ended: the process lives on in the others.
  if (info.state == 'Z' && threads > 1) {
    info.state = 'S';
    info.ending = false;
  }
  return info;
}

std::optional<ProcessInfo> ReadStat(pid_t pid) {
  std::string stat;
  if (!ReadProc(absl::StrCat("/proc/", pid, "/stat"), &stat)) return {};
  return ParseStat(pid, stat);
}

// Whether /proc shows our own pid namespace. One that was mounted for another
// has the same numbers for other processes.
bool ProcIsOurs() {
  char self[16] = {};
  const ssize_t size = ::readlink("/proc/self", self, sizeof(self) - 1);
  return size > 0 && absl::StrCat(::getpid()) == self;
}

bool ReadOwnProc(const std::string& path, std::string* content) {
  return ProcIsOurs() && ReadProc(path, content);
}

// Whoever asks its parent to trace it (PTRACE_TRACEME), or did so of a debugger
// that is gone by now, waits at each signal for us, who are no debugger. False
// if it is not traced by us: it was stopped like any other.
bool StopTracing(pid_t pid, int status) {
  int signo = WSTOPSIG(status);
  siginfo_t info = {};
  // An event of ptrace itself, not a signal of anybody's.
  if (status >> 16 != 0) signo = 0;
  // That of an exec, which no program expects, comes as if from itself.
  if (signo == SIGTRAP &&
      ::ptrace(PTRACE_GETSIGINFO, pid, nullptr, &info) == 0 &&
      info.si_code == SI_USER && info.si_pid == pid) {
    signo = 0;
  }
  // The kernel takes the signal as a number in place of an address.
  return ::syscall(SYS_ptrace, PTRACE_DETACH, pid, 0L,
                   static_cast<long>(signo)) == 0;
}

}  // namespace

absl::StatusOr<pid_t> LinuxOs::Fork(absl::FunctionRef<int()> work) {
  const pid_t pid = ::fork();
  if (pid < 0) return ForkError(errno);
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (start_directory_.valid() && ::fchdir(start_directory_.get()) != 0) {
    ::_exit(errno);
  }
  // A socket of ours that it kept open would live as long as it hangs.
  if (::syscall(SYS_close_range, 3, ~0U, 0) != 0) {
    for (int fd = 3; fd < kMaxGuessedFd; ++fd) ::close(fd);
  }
  ::_exit(work());
}

absl::StatusOr<pid_t> LinuxOs::ForkToReceive(int socket) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return ForkError(errno);
  if (pid == 0) ReceiveRightsAndStop(socket, parent);
  return pid;
}

absl::StatusOr<pid_t> LinuxOs::CloseByChild(std::vector<UniqueFd>* sockets) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return ForkError(errno);
  if (pid == 0) HoldUntilKilled(parent);
  sockets->clear();
  ::kill(pid, SIGKILL);
  return pid;
}

Reaped LinuxOs::ReapOne() {
  int status = 0;
  pid_t pid = 0;
  do {
    pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
  } while (pid < 0 && errno == EINTR);  // not by Linux, but by what plays it
  if (pid > 0 && WIFSTOPPED(status)) {
    if (StopTracing(pid, status)) {
      return {Reaped::What::kReleased, pid, {}, 0};
    }
    return {Reaped::What::kStopped, pid, {}, WSTOPSIG(status)};
  }
  if (pid > 0) {
    return {Reaped::What::kProcess, pid, ExitStatus::FromWait(status), 0};
  }
  Reaped nobody;
  nobody.what = pid == 0 ? Reaped::What::kNoneReady : Reaped::What::kNoChildren;
  return nobody;
}

int LinuxOs::Send(pid_t pid, const SignalInfo& signal) {
  if (signal.code == SI_QUEUE && pid > 0) {
    siginfo_t info = {};
    info.si_signo = signal.signo;
    info.si_code = SI_QUEUE;
    info.si_pid = signal.sender;
    info.si_uid = signal.sender_uid;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a payload, not an address
    info.si_value.sival_ptr = reinterpret_cast<void*>(signal.value);
    if (::syscall(SYS_rt_sigqueueinfo, pid, signal.signo, &info) == 0) return 0;
    // Refused by some sandboxes: without its payload is better than lost.
  }
  return ::kill(pid, signal.signo) == 0 ? 0 : errno;
}

std::vector<ProcessInfo> ReadProcesses(
    absl::FunctionRef<pid_t()> next,
    absl::FunctionRef<std::optional<ProcessInfo>(pid_t)> read) {
  std::vector<pid_t> pids;
  while (const pid_t pid = next()) pids.push_back(pid);
  std::vector<ProcessInfo> result;
  result.reserve(pids.size());
  for (const pid_t pid : pids) {
    if (const auto info = read(pid)) result.push_back(*info);
  }
  return result;
}

std::vector<ProcessInfo> LinuxOs::Processes() {
  if (!ProcIsOurs()) return {};
  DIR* const directory = ::opendir("/proc");
  if (directory == nullptr) return {};
  const auto next = [directory] {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    while (const dirent* entry = ::readdir(directory)) {
      pid_t pid = 0;
      if (absl::SimpleAtoi(entry->d_name, &pid)) return pid;
    }
    return 0;
  };
  std::vector<ProcessInfo> result = ReadProcesses(next, ReadStat);
  ::closedir(directory);
  return result;
}

std::optional<ProcessInfo> LinuxOs::ReadProcess(pid_t pid) {
  if (!ProcIsOurs()) return {};
  return ReadStat(pid);
}

std::optional<std::vector<pid_t>> LinuxOs::Children() {
  if (!ProcIsOurs()) return {};
  return OwnChildren();
}

// A storm of forks must not keep the look from ever ending.
std::vector<ProcessInfo> LinuxOs::Below(absl::Span<const pid_t> roots) {
  std::vector<ProcessInfo> result;
  std::vector<pid_t> pids(roots.begin(), roots.end());
  std::set<pid_t> seen(roots.begin(), roots.end());
  for (size_t i = 0; i < pids.size(); ++i) {
    auto info = ReadStat(pids[i]);
    if (!info.has_value()) continue;
    result.push_back(*std::move(info));
    for (const pid_t child : ChildrenOf(pids[i])) {
      if (seen.size() < kMostBelow && seen.insert(child).second) {
        pids.push_back(child);
      }
    }
  }
  return result;
}

std::optional<std::string> LinuxOs::EnvironmentOf(pid_t pid) {
  // The kernel shows it to the user of the process, and to CAP_SYS_PTRACE,
  // which containers lack by default.
  struct stat owner;
  if (::stat(absl::StrCat("/proc/", pid).c_str(), &owner) != 0) return {};
  const FileUser user(owner.st_uid, owner.st_gid);
  std::string environment;
  if (!ReadProc(absl::StrCat("/proc/", pid, "/environ"), &environment)) {
    return std::nullopt;
  }
  // In the middle of an exec, too: Spawn's end of file comes a little earlier
  // than the new environment.
  if (environment.empty()) return std::nullopt;
  return environment;
}

std::optional<bool> LinuxOs::Withstands(pid_t pid, int signo) {
  std::string status;
  if (!ReadOwnProc(absl::StrCat("/proc/", pid, "/status"), &status)) return {};
  uint64_t withstood = 0;
  int fields = 0;
  for (const std::string_view line : absl::StrSplit(status, '\n')) {
    const std::pair<std::string_view, std::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(":\t", 1));
    uint64_t bits = 0;
    if ((field.first == "SigCgt" || field.first == "SigBlk" ||
         field.first == "SigIgn") &&
        absl::SimpleHexAtoi(field.second, &bits)) {
      withstood |= bits;
      ++fields;
    }
  }
  if (fields == 0) return {};
  return (withstood >> (signo - 1) & 1) != 0;
}

std::optional<pid_t> LinuxOs::TracerOf(pid_t pid) {
  std::string status;
  if (!ReadOwnProc(absl::StrCat("/proc/", pid, "/status"), &status)) return {};
  for (const std::string_view line : absl::StrSplit(status, '\n')) {
    pid_t tracer = 0;
    std::string_view value = line;
    if (absl::ConsumePrefix(&value, "TracerPid:") &&
        absl::SimpleAtoi(value, &tracer)) {
      return tracer;
    }
  }
  return {};
}

std::string LinuxOs::CommandLine(pid_t pid) {
  const UniqueFd file(::open(absl::StrCat("/proc/", pid, "/cmdline").c_str(),
                             O_RDONLY | O_CLOEXEC));
  char buffer[4096];
  const ssize_t got =
      file.valid() ? ::read(file.get(), buffer, sizeof(buffer)) : 0;
  if (got <= 0) return "";
  std::string text(buffer, static_cast<size_t>(got));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::optional<uid_t> LinuxOs::UserOf(pid_t pid) {
  struct stat found;
  if (::stat(absl::StrCat("/proc/", pid).c_str(), &found) != 0) return {};
  return found.st_uid;
}

int LinuxOs::SendToStranger(const ProcessInfo& process, int signo) {
  const UniqueFd handle(
      static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  const int error = handle.valid() ? 0 : errno;
  if (error == ESRCH) return ESRCH;
  // The handle keeps the pid from being given anew; then one look tells.
  const auto now = ReadStat(process.pid);
  if (!now.has_value() || now->started != process.started) return ESRCH;
  // Old kernels, and sandboxes that refuse what they do not know: then what is
  // left is the moment since that look.
  if (!handle.valid()) return ::kill(process.pid, signo) == 0 ? 0 : errno;
  const long sent =
      ::syscall(SYS_pidfd_send_signal, handle.get(), signo, nullptr, 0);
  return sent == 0 ? 0 : errno;
}

int64_t LinuxOs::ResidentBytes(pid_t pid) {
  std::string statm;
  int64_t pages = 0;
  if (!ReadOwnProc(absl::StrCat("/proc/", pid, "/statm"), &statm)) return 0;
  const std::vector<std::string_view> fields = absl::StrSplit(statm, ' ');
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * ::sysconf(_SC_PAGESIZE);
}

std::optional<absl::Duration> LinuxOs::ProcessorTime(pid_t pid) {
  clockid_t clock;
  timespec used;
  if (::clock_getcpuclockid(pid, &clock) != 0 ||
      ::clock_gettime(clock, &used) != 0) {
    return {};
  }
  return absl::DurationFromTimespec(used);
}

UniqueFd LinuxOs::OpenOomEvents() {
  return UniqueFd(::open(kMemoryEvents, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

std::optional<int64_t> LinuxOs::OomKills() {
  std::string events;
  if (!ReadProc(kMemoryEvents, &events) &&
      !ReadProc("/sys/fs/cgroup/memory/memory.oom_control", &events)) {
    return {};
  }
  return ParseOomKills(events);
}

std::optional<int64_t> ParseOomKills(std::string_view events) {
  for (const std::string_view line : absl::StrSplit(events, '\n')) {
    const std::pair<std::string_view, std::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    int64_t count = 0;
    if (field.first == "oom_kill" && absl::SimpleAtoi(field.second, &count)) {
      return count;
    }
  }
  return {};
}

pid_t LinuxOs::GroupOf(pid_t pid) { return ::getpgid(pid); }

pid_t LinuxOs::Self() { return ::getpid(); }

// POSIX: a group is orphaned, and no shell's job, unless a member's parent is
// in the same session but another group.
bool LinuxOs::CanBeContinued() {
  const pid_t parent = ::getppid();
  return ::getpid() != 1 && parent > 0 && ::getsid(parent) == ::getsid(0) &&
         ::getpgid(parent) != ::getpgrp();
}

void LinuxOs::StopSelf() { ::kill(::getpid(), SIGSTOP); }

void LinuxOs::ReleaseStartPages() { reinit::ReleaseStartPages(); }

void LinuxOs::LeaveStartDirectory() {
  UniqueFd directory(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fchdir(directory.get()) != 0) return;
  if (::chdir("/") == 0) start_directory_ = std::move(directory);
}

void LinuxOs::ReleaseInherited() {
  [[maybe_unused]] const int moved = ::chdir("/");
  start_directory_.reset();
  DIR* const directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) return;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  while (const dirent* entry = ::readdir(directory)) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry->d_name, &fd) || fd <= STDERR_FILENO) continue;
    // It came through an exec; what is our own would not.
    if (::fcntl(fd, F_GETFD) == 0) ::close(fd);
  }
  ::closedir(directory);
}

}  // namespace reinit
