#include "supervisor/socket/accept_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/self/file_user.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/connections.h"
#include "supervisor/socket/proc_text.h"

namespace reinit {
namespace {

// Files and links of /proc in one look: some 10 ms.
constexpr int kMaxReads = 4096;
// Of one process, so that the next ones have their turn. What a server listens
// on it has opened early, and the list is in order.
constexpr int kMaxDescriptors = 1024;
constexpr int kMaxThreads = 256;
// An epoll instance with a thousand connections still fits.
constexpr size_t kMaxText = size_t{128} << 10;

constexpr std::string_view kOtherUser =
    "/proc does not show what a process has open that has changed its user by "
    "itself (that needs the capability SYS_PTRACE)";

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory OpenDirectory(int at, const char* name) {
  const int fd = ::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  Directory directory(::fdopendir(fd));
  const int error = errno;
  if (directory == nullptr) ::close(fd);
  errno = error;
  return directory;
}

// Of the folder of a process: its user, or root if that user may not look.
struct stat OwnerOf(int process) {
  struct stat owner;
  if (::fstat(process, &owner) != 0) {
    owner.st_uid = ::geteuid();
    owner.st_gid = ::getegid();
  }
  return owner;
}

// The next entry that is a number, or -1.
int NextNumber(DIR* directory) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  while (const dirent* entry = ::readdir(directory)) {
    int number = -1;
    if (absl::SimpleAtoi(entry->d_name, &number)) return number;
  }
  return -1;
}

// Nothing if it cannot be read; errno says why.
std::optional<std::string> ReadText(int at, const std::string& name) {
  const UniqueFd file(::openat(at, name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::string text;
  char chunk[4096];
  while (text.size() < kMaxText) {
    const ssize_t got = ::read(file.get(), chunk, sizeof(chunk));
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(chunk, static_cast<size_t>(got));
  }
  return text;
}

// The port at which a socket is connected that was accepted, or made, there.
std::optional<uint16_t> ConnectedAt(int socket) {
  int listens = 1;
  socklen_t size = sizeof(listens);
  if (::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
      listens != 0) {
    return std::nullopt;
  }
  sockaddr_storage address = {};
  size = sizeof(address);
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) !=
      0) {
    return std::nullopt;
  }
  size = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) !=
      0) {
    return std::nullopt;
  }
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return std::nullopt;
}

// Reading the memory of a process waits for whoever changes its layout, and a
// thread that the kernel cannot interrupt might be that one.
bool HasStuckThread(int process) {
  const Directory tasks = OpenDirectory(process, "task");
  if (tasks == nullptr) return true;
  for (int tid; (tid = NextNumber(tasks.get())) >= 0;) {
    const auto stat = ReadText(process, absl::StrCat("task/", tid, "/stat"));
    if (!stat.has_value()) continue;  // it has ended
    // The name in brackets may have any bytes.
    const size_t end = stat->rfind(") ");
    if (end != std::string::npos && stat->compare(end + 2, 1, "D") == 0) {
      return true;
    }
  }
  return false;
}

// Of a process, or a thread of it, whose file `name` is. Also of one that has
// ended and is still to be reaped.
bool IsEnding(int process, const std::string& name) {
  constexpr uint32_t kExiting = 4;  // PF_EXITING, of the kernel
  const auto stat = ReadText(process, name);
  // Reaped; with hidepid= even this file may be hidden, which is no end.
  if (!stat.has_value()) return errno == ENOENT || errno == ESRCH;
  // The name in brackets may have any bytes.
  const std::vector<std::string_view> fields =
      absl::StrSplit(std::string_view(*stat).substr(stat->rfind(')') + 1), ' ');
  uint32_t flags = 0;
  return fields.size() > 7 && absl::SimpleAtoi(fields[7], &flags) &&
         (flags & kExiting) != 0;
}

}  // namespace

// What one process has open.
struct AcceptWatch::Held {
  struct Socket {
    int fd;
    size_t index;  // of those asked for
  };
  std::vector<Socket> sockets;
  std::vector<int> others;  // that are no such sockets
  std::vector<int> epolls;
  bool ring = false;  // io_uring: it may accept unseen
};

// One look.
struct AcceptWatch::Round {
  absl::Span<const ListenSockets::Id> sockets;
  std::vector<bool> served;
  int reads = 0;
  bool seen = false;          // one process, at least
  std::string hidden;         // what /proc does not show; empty: nothing
  std::vector<ino_t> others;  // sockets that the processes have beside ours

  bool AllServed() const {
    return std::find(served.begin(), served.end(), false) == served.end();
  }
  // Notes an error that comes of missing rights; true if it does. One that is
  // about to end is hidden for a moment, whoever it is: `stat` is its file.
  bool Deny(int process, int error, std::string_view what,
            const std::string& stat = "stat") {
    if (error != EACCES && error != EPERM) return false;
    if (!IsEnding(process, stat)) hidden = what;
    return true;
  }
  void Serve(const Held& held, int fd) {
    for (const Held::Socket& one : held.sockets) {
      if (one.fd == fd) served[one.index] = true;
    }
  }
};

AcceptWatch::Answer AcceptWatch::Look(
    absl::Span<const pid_t> pids, absl::Span<const ListenSockets::Id> sockets) {
  Round round;
  round.sockets = sockets;
  round.served.resize(sockets.size());
  const size_t first = pids.empty() ? 0 : next_ % pids.size();
  size_t looked = 0;
  while (looked < pids.size() && round.reads < kMaxReads &&
         !round.AllServed()) {
    LookAt(pids[(first + looked) % pids.size()], &round);
    ++looked;
  }
  if (!round.AllServed()) LookAtConnections(&round);
  if (!round.seen && !pids.empty()) {
    round.hidden = "/proc does not show the process";
  }
  const bool complete = looked == pids.size();
  next_ = complete ? 0 : first + looked;
  Answer answer;
  answer.next = next_;
  const auto unserved =
      std::find(round.served.begin(), round.served.end(), false);
  if (unserved == round.served.end()) {
    answer.verdict = Verdict::kServed;
    return answer;
  }
  if (round.hidden.empty()) {
    const auto index = static_cast<size_t>(unserved - round.served.begin());
    const ListenSockets::Id& id = sockets[index];
    answer.text = id.address.empty()
                      ? id.name
                      : absl::StrCat(id.name, " (", id.address, ")");
    return answer;
  }
  answer.verdict = Verdict::kCannotTell;
  answer.text = std::move(round.hidden);
  return answer;
}

bool AcceptWatch::Holds(pid_t pid,
                        absl::Span<const ListenSockets::Id> sockets) const {
  const UniqueFd process(::open(absl::StrCat(proc_, "/", pid).c_str(),
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.valid()) return false;
  const struct stat owner = OwnerOf(process.get());
  const FileUser user(owner.st_uid, owner.st_gid);
  Round round;
  round.sockets = sockets;
  Held held;
  FindHeld(process.get(), &round, &held);
  return !held.sockets.empty();
}

void AcceptWatch::LookAt(pid_t pid, Round* round) const {
  const UniqueFd process(::open(absl::StrCat(proc_, "/", pid).c_str(),
                                O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.valid()) return;  // it has ended, or all are hidden
  round->seen = true;
  const struct stat owner = OwnerOf(process.get());
  const FileUser user(owner.st_uid, owner.st_gid);
  Held held;
  FindHeld(process.get(), round, &held);
  for (const int epoll : held.epolls) {
    if (round->AllServed()) return;
    LookAtEpoll(process.get(), epoll, held, round);
  }
  if (held.sockets.empty() || round->AllServed()) return;
  LookAtThreads(process.get(), held, round);
  if (!round->AllServed()) LookAtSockets(pid, held, round);
  if (held.ring && !round->AllServed() && round->hidden.empty()) {
    round->hidden = "the process uses io_uring";
  }
}

void AcceptWatch::FindHeld(int process, Round* round, Held* held) {
  const Directory fds = OpenDirectory(process, "fd");
  if (fds == nullptr) {
    round->Deny(process, errno, kOtherUser);
    return;
  }
  for (int count = 0; count < kMaxDescriptors; ++count) {
    const int fd = NextNumber(fds.get());
    if (fd < 0) return;
    ++round->reads;
    char link[64];
    const ssize_t size = ::readlinkat(
        ::dirfd(fds.get()), absl::StrCat(fd).c_str(), link, sizeof(link));
    if (size <= 0) {
      // The folder may be open to its owner where its links are not.
      if (round->Deny(process, errno, kOtherUser)) return;
      continue;
    }
    std::string_view target(link, static_cast<size_t>(size));
    if (target == "anon_inode:[eventpoll]") {
      held->epolls.push_back(fd);
    } else if (target == "anon_inode:[io_uring]") {
      held->ring = true;
    } else if (uint64_t inode = 0; absl::ConsumePrefix(&target, "socket:[") &&
                                   absl::ConsumeSuffix(&target, "]") &&
                                   absl::SimpleAtoi(target, &inode)) {
      bool ours = false;
      for (size_t i = 0; i < round->sockets.size(); ++i) {
        if (round->sockets[i].inode != inode) continue;
        held->sockets.push_back({fd, i});
        ours = true;
      }
      if (!ours) {
        held->others.push_back(fd);
        round->others.push_back(inode);
      }
    }
  }
}

// Its connections may be too short to be found by number before they are gone:
// whatever it has there is looked at, through a copy that is closed at once.
// Not where it has an epoll instance, which would keep a socket that is closed
// meanwhile for as long as the copy lives; there the list tells.
void AcceptWatch::LookAtSockets(pid_t pid, const Held& held, Round* round) {
  if (held.others.empty() || !held.epolls.empty()) return;
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) return;
  for (const int fd : held.others) {
    ++round->reads;
    const UniqueFd copy(
        static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
    if (!copy.valid()) {
      if (errno == EBADF) continue;  // closed
      return;                        // not allowed here: their numbers may do
    }
    const std::optional<uint16_t> port = ConnectedAt(copy.get());
    for (size_t i = 0; port.has_value() && i < round->sockets.size(); ++i) {
      if (round->sockets[i].port == *port) round->served[i] = true;
    }
  }
}

void AcceptWatch::LookAtConnections(Round* round) {
  if (round->others.empty()) return;
  for (size_t i = 0; i < round->sockets.size(); ++i) {
    if (round->served[i] || round->sockets[i].port == 0) continue;
    const auto accepted = AcceptedConnections(round->sockets[i].port);
    round->served[i] =
        std::find_first_of(round->others.begin(), round->others.end(),
                           accepted.begin(),
                           accepted.end()) != round->others.end();
  }
}

void AcceptWatch::LookAtEpoll(int process, int epoll, const Held& held,
                              Round* round) {
  ++round->reads;
  const auto text = ReadText(process, absl::StrCat("fdinfo/", epoll));
  if (!text.has_value()) return;
  for (const EpollTarget& target : ParseEpollTargets(*text)) {
    if ((target.events & (EPOLLIN | EPOLLRDNORM)) == 0) continue;
    if (!target.known) {
      round->Serve(held, target.fd);
      continue;
    }
    for (size_t i = 0; i < round->sockets.size(); ++i) {
      const ListenSockets::Id& id = round->sockets[i];
      if (target.inode == id.inode &&
          target.device == KernelDevice(id.device)) {
        round->served[i] = true;
      }
    }
  }
}

void AcceptWatch::LookAtThreads(int process, const Held& held, Round* round) {
  const Directory tasks = OpenDirectory(process, "task");
  if (tasks == nullptr) return;
  for (int count = 0; count < kMaxThreads && !round->AllServed(); ++count) {
    const int tid = NextNumber(tasks.get());
    if (tid < 0) return;
    ++round->reads;
    const auto call = ReadText(process, absl::StrCat("task/", tid, "/syscall"));
    if (call.has_value()) {
      LookAtCall(process, *call, held, round);
      continue;
    }
    // ENOENT: in some sandboxes there is no such file, but mostly the thread
    // has just ended.
    const int error = errno;
    const std::string what =
        absl::StrCat("/proc/PID/task/TID/syscall: ", ::strerrordesc_np(error));
    if (round->Deny(process, error, what,
                    absl::StrCat("task/", tid, "/stat"))) {
      continue;
    }
    const bool lives = ::faccessat(::dirfd(tasks.get()),
                                   absl::StrCat(tid).c_str(), F_OK, 0) == 0;
    if (lives && error != ESRCH) round->hidden = what;
  }
}

void AcceptWatch::LookAtCall(int process, std::string_view text,
                             const Held& held, Round* round) {
  const std::optional<BlockingCall> call = ParseBlockingCall(text);
  if (!call.has_value()) return;
  const Waiting waiting = WaitingIn(*call);
  if (waiting.what == Waiting::For::kAccept) round->Serve(held, waiting.fd);
  std::vector<char> set(SetSize(waiting));
  if (set.empty() || HasStuckThread(process)) return;
  round->reads += 2;
  const UniqueFd memory(::openat(process, "mem", O_RDONLY | O_CLOEXEC));
  if (!memory.valid()) {
    const int error = errno;
    round->Deny(process, error,
                absl::StrCat("/proc/PID/mem: ", ::strerrordesc_np(error)));
    return;
  }
  const ssize_t got = ::pread(memory.get(), set.data(), set.size(),
                              static_cast<off_t>(waiting.address));
  if (got <= 0) return;
  const absl::Span<const char> seen(set.data(), static_cast<size_t>(got));
  for (const Held::Socket& one : held.sockets) {
    if (SetHas(waiting, seen, one.fd)) round->served[one.index] = true;
  }
}

}  // namespace reinit
