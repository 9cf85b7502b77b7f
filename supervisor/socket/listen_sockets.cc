#include "supervisor/socket/listen_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reaper/passed_rights.h"
#include "supervisor/socket/connections.h"

namespace reinit {
namespace {

// A service manager has no use for more.
constexpr int kMaxInherited = 1024;
constexpr char kSomaxconn[] = "/proc/sys/net/core/somaxconn";

std::optional<std::string_view> ValueOf(
    const std::vector<std::string>& environment, std::string_view key) {
  for (const std::string& entry : environment) {
    if (absl::StartsWith(entry, key) && entry.size() > key.size() &&
        entry[key.size()] == '=') {
      return std::string_view(entry).substr(key.size() + 1);
    }
  }
  return std::nullopt;
}

// It came through an exec; what is our own would not.
bool IsInherited(int fd) { return ::fcntl(fd, F_GETFD) == 0; }

bool IsSocket(int fd) {
  struct stat found;
  return ::fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
}

int SocketOption(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) return 0;
  return value;
}

bool Listens(int fd) { return SocketOption(fd, SO_ACCEPTCONN) != 0; }

// Address and port as the kernel knows them.
void Describe(int fd, PassedSocket* to) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return;
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
    ::inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    to->port = ntohs(in->sin_port);
    to->address = absl::StrCat(text, ":", to->port);
  } else if (address.ss_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&address);
    ::inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
    to->port = ntohs(in->sin6_port);
    to->address = absl::StrCat("[", text, "]:", to->port);
  } else if (address.ss_family == AF_UNIX) {
    const auto* un = reinterpret_cast<const sockaddr_un*>(&address);
    // Not one without a name, nor an abstract one.
    const size_t length = size - offsetof(sockaddr_un, sun_path);
    if (length > 0 && un->sun_path[0] != '\0') {
      to->address.assign(un->sun_path, ::strnlen(un->sun_path, length));
    }
  }
}

// Where the kernel cuts a queue off; nothing if that cannot be told.
std::optional<int> LongestQueue() {
  const UniqueFd file(::open(kSomaxconn, O_RDONLY | O_CLOEXEC));
  char text[16];
  const ssize_t got = ::read(file.get(), text, sizeof(text));
  int value = 0;
  if (got <= 0 ||
      !absl::SimpleAtoi(std::string_view(text, static_cast<size_t>(got)),
                        &value)) {
    return std::nullopt;
  }
  return value;
}

std::string Line(const ListenSpec& spec, std::string_view what) {
  return absl::StrCat("--listen=", spec.text, ": ", what);
}

// Whether shutdown(2) was called on it.
bool WasShutDown(int fd) {
  if (!Listens(fd)) return true;
  pollfd look = {fd, POLLRDHUP, 0};
  return ::poll(&look, 1, 0) == 1 && (look.revents & POLLRDHUP) != 0;
}

// Nothing for what is no TCP listener.
std::optional<uint32_t> QueueLength(int fd) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      info.tcpi_state != TCP_LISTEN) {
    return std::nullopt;
  }
  // Of a listener this is its queue, not data.
  return info.tcpi_unacked;
}

// Of a TCP socket that processes had, which may have done anything to it: no
// SO_LINGER makes close() wait.
void CloseAtOnce(UniqueFd* socket) {
  const linger none = {};
  ::setsockopt(socket->get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  socket->reset();
}

// That the socket of `worker` cannot be bound.
std::string OneMoreLine(const ListenSpec& spec, int worker,
                        const absl::Status& why) {
  return Line(
      spec, absl::StrCat("the socket of worker ", worker, ": ", why.message()));
}

}  // namespace

const UniqueFd* ListenSockets::Socket::FdOf(int worker) const {
  if (!PerWorker()) return &fds[0];
  if (worker > 0) {
    const size_t index = static_cast<size_t>(worker) - 1;
    return index < fds.size() ? &fds[index] : nullptr;
  }
  const auto open = std::find_if(fds.begin(), fds.end(),
                                 [](const UniqueFd& fd) { return fd.valid(); });
  return open == fds.end() ? &fds[0] : &*open;
}

ListenSockets::~ListenSockets() {
  for (Socket& socket : sockets_) {
    for (UniqueFd& fd : socket.fds) LeaveToExit(std::move(fd));
  }
  for (UniqueFd& socket : replaced_) LeaveToExit(std::move(socket));
}

ListenSockets::Problems ListenSockets::Open(
    const ListenOptions* options, pid_t self,
    std::vector<std::string>* environment, int workers) {
  options_ = options;
  workers_ = std::max(workers, 1);
  Problems problems;
  TakeInherited(self, environment, &problems);
  bool bound = false;
  for (const ListenSpec& spec : options->sockets) {
    OpenOne(spec, &problems);
    bound = bound || spec.kind != ListenSpec::Kind::kDescriptor;
  }
  if (const auto longest = LongestQueue();
      bound && longest.has_value() && *longest < options->backlog) {
    problems.warnings.push_back(absl::StrCat(
        "--listen-backlog=", options->backlog, ": the kernel cuts it to ",
        *longest, " (net.core.somaxconn)"));
  }
  return problems;
}

void ListenSockets::TakeInherited(pid_t self,
                                  std::vector<std::string>* environment,
                                  Problems* problems) {
  const auto pid = ValueOf(*environment, "LISTEN_PID");
  const auto fds = ValueOf(*environment, "LISTEN_FDS");
  int count = 0;
  if (!pid.has_value() || *pid != absl::StrCat(self) || !fds.has_value() ||
      !absl::SimpleAtoi(*fds, &count) || count <= 0 || count > kMaxInherited) {
    return;
  }
  std::vector<std::string> names;
  if (const auto given = ValueOf(*environment, "LISTEN_FDNAMES")) {
    names = absl::StrSplit(*given, ':');
  }
  for (int i = 0; i < count; ++i) {
    if (IsInherited(kFirstPassedSocket + i)) continue;
    problems->warnings.push_back(
        absl::StrCat("LISTEN_FDS=", count, ": descriptor ",
                     kFirstPassedSocket + i, " is not open: none is taken"));
    return;
  }
  for (int i = 0; i < count; ++i) {
    Socket socket;
    socket.fds.emplace_back(kFirstPassedSocket + i);
    ::fcntl(socket.fd(), F_SETFD, FD_CLOEXEC);
    const size_t at = static_cast<size_t>(i);
    // As sd_listen_fds_with_names(3) calls one without a name.
    socket.passed.name = at < names.size() ? names[at] : "unknown";
    Describe(socket.fd(), &socket.passed);
    sockets_.push_back(std::move(socket));
  }
  *environment = WithoutListenEntries(std::move(*environment));
}

void ListenSockets::OpenOne(const ListenSpec& spec, Problems* problems) {
  if (spec.kind == ListenSpec::Kind::kDescriptor) {
    TakeDescriptor(spec, problems);
    return;
  }
  absl::StatusOr<BoundSocket> bound =
      Bind(spec, spec.reuse_port ? Sharing::kFirst : Sharing::kNone);
  if (!bound.ok()) {
    problems->errors.push_back(Line(spec, bound.status().message()));
    return;
  }
  Socket socket;
  socket.spec = &spec;
  socket.passed.name = spec.name;
  socket.fds.push_back(std::move(bound->fd));
  socket.file = std::move(bound->file);
  socket.file.KeepSecondName();
  Describe(socket.fd(), &socket.passed);
  for (int worker = 2; socket.PerWorker() && worker <= workers_; ++worker) {
    bound = BindAgain(socket);
    if (!bound.ok()) {
      problems->errors.push_back(OneMoreLine(spec, worker, bound.status()));
      return;
    }
    socket.fds.push_back(std::move(bound->fd));
  }
  sockets_.push_back(std::move(socket));
}

std::vector<std::string> ListenSockets::AddSlot() {
  std::vector<std::string> errors;
  std::vector<UniqueFd> added;
  for (const Socket& socket : sockets_) {
    if (!socket.PerWorker()) continue;
    absl::StatusOr<BoundSocket> bound = BindAgain(socket);
    if (bound.ok()) {
      added.push_back(std::move(bound->fd));
    } else {
      errors.push_back(OneMoreLine(*socket.spec, workers_ + 1, bound.status()));
    }
  }
  if (!errors.empty()) return errors;
  auto next = added.begin();
  for (Socket& socket : sockets_) {
    if (socket.PerWorker()) socket.fds.push_back(std::move(*next++));
  }
  ++workers_;
  return errors;
}

void ListenSockets::RemoveSlot() {
  CloseSlot(workers_);
  for (Socket& socket : sockets_) {
    if (socket.PerWorker()) socket.fds.pop_back();
  }
  --workers_;
}

void ListenSockets::CloseSlot(int worker) {
  for (Socket& socket : sockets_) {
    if (!socket.PerWorker()) continue;
    if (UniqueFd* const fd = socket.FdOf(worker)) CloseAtOnce(fd);
  }
}

void ListenSockets::TakeDescriptor(const ListenSpec& spec, Problems* problems) {
  // One that a service manager passed, by another name.
  for (Socket& socket : sockets_) {
    if (socket.spec != nullptr || socket.fd() != spec.descriptor) continue;
    socket.passed.name = spec.name;
    return;
  }
  if (!IsInherited(spec.descriptor)) {
    problems->errors.push_back(
        Line(spec, "reinit was started without this descriptor"));
    return;
  }
  Socket socket;
  socket.spec = &spec;
  socket.passed.name = spec.name;
  if (!IsSocket(spec.descriptor)) {
    problems->errors.push_back(Line(spec, "this descriptor is no socket"));
    return;
  }
  socket.fds.emplace_back(spec.descriptor);
  ::fcntl(spec.descriptor, F_SETFD, FD_CLOEXEC);
  const bool stream = SocketOption(spec.descriptor, SO_TYPE) == SOCK_STREAM;
  if (stream && !Listens(spec.descriptor) &&
      ::listen(spec.descriptor, options_->backlog) != 0) {
    problems->errors.push_back(Line(
        spec,
        absl::StrCat("cannot be listened on: ", ::strerrordesc_np(errno))));
    return;
  }
  Describe(spec.descriptor, &socket.passed);
  sockets_.push_back(std::move(socket));
}

// Whether the same port is asked for with an IPv4 address as well.
bool ListenSockets::IsShared(const ListenSpec& spec) const {
  return std::any_of(options_->sockets.begin(), options_->sockets.end(),
                     [&](const ListenSpec& other) {
                       return other.kind == ListenSpec::Kind::kTcp &&
                              !other.ipv6 && other.port == spec.port &&
                              spec.port != 0;
                     });
}

absl::StatusOr<BoundSocket> ListenSockets::Bind(const ListenSpec& spec,
                                                Sharing sharing) const {
  return spec.kind == ListenSpec::Kind::kTcp
             ? BindTcp(spec, options_->backlog, IsShared(spec), sharing)
             : BindUnix(spec, options_->backlog);
}

// At the address of `socket`, also where the kernel chose its port.
absl::StatusOr<BoundSocket> ListenSockets::BindAgain(
    const Socket& socket) const {
  ListenSpec spec = *socket.spec;
  spec.port = socket.passed.port;
  return Bind(spec, spec.reuse_port ? Sharing::kJoins : Sharing::kNone);
}

bool ListenSockets::HasFiles() const {
  return std::any_of(sockets_.begin(), sockets_.end(), HasFile);
}

std::string ListenSockets::RestoreFiles() const {
  std::string states;
  for (const Socket& socket : sockets_) {
    FileState state = FileState::kThere;
    if (HasFile(socket) && !socket.file.IsThere()) {
      state = socket.file.Restore() ? FileState::kRestored : FileState::kLost;
    }
    states.push_back(static_cast<char>(state));
  }
  return states;
}

std::vector<std::string> ListenSockets::Restored(
    std::string_view states) const {
  std::vector<std::string> news;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    if (!Has(states, i, FileState::kRestored)) continue;
    news.push_back(
        Line(*sockets_[i].spec,
             "the process removed its file; restored with the same socket"));
  }
  return news;
}

std::vector<std::string> ListenSockets::Renew(std::string_view states,
                                              int worker) {
  std::vector<std::string> news;
  for (size_t i = 0; i < sockets_.size(); ++i) {
    Socket& socket = sockets_[i];
    const bool ours = socket.spec != nullptr &&
                      socket.spec->kind != ListenSpec::Kind::kDescriptor;
    if (!ours) continue;
    const bool gone = Has(states, i, FileState::kLost);
    UniqueFd* const fd = socket.FdOf(worker);
    if (fd == nullptr) continue;
    const bool closed = !fd->valid();
    if (!gone && !closed && !WasShutDown(fd->get())) continue;
    // What is at the path of a lost one is not ours. The second name stays, in
    // case the path cannot be bound now.
    if (!gone) socket.file.Remove();
    absl::StatusOr<BoundSocket> bound = BindAgain(socket);
    if (bound.ok()) {
      if (HasFile(socket)) replaced_.push_back(std::move(*fd));
      if (socket.PerWorker()) CloseAtOnce(fd);
      *fd = std::move(bound->fd);
      socket.file = std::move(bound->file);
      socket.file.KeepSecondName();
      if (closed) continue;
    }
    news.push_back(Line(*socket.spec,
                        absl::StrCat(gone     ? "its file was removed"
                                     : closed ? "it was closed"
                                              : "it was shut down",
                                     bound.ok() ? ", and is there again" : ": ",
                                     bound.status().message())));
  }
  return news;
}

bool ListenSockets::Has(std::string_view states, size_t index,
                        FileState state) {
  return index < states.size() && states[index] == static_cast<char>(state);
}

bool ListenSockets::HasFile(const Socket& socket) {
  return socket.spec != nullptr && socket.spec->kind == ListenSpec::Kind::kUnix;
}

std::vector<PassedSocket> ListenSockets::Passed() const {
  std::vector<PassedSocket> passed;
  for (const Socket& socket : sockets_) passed.push_back(socket.passed);
  return passed;
}

void ListenSockets::Pass(pid_t self, std::vector<std::string>* argv,
                         std::vector<std::string>* environment,
                         std::vector<PassedDescriptor>* descriptors,
                         int worker) const {
  for (size_t i = 0; i < sockets_.size(); ++i) {
    descriptors->push_back(
        {sockets_[i].fd(worker), kFirstPassedSocket + static_cast<int>(i)});
  }
  const std::vector<PassedSocket> passed = Passed();
  *argv = FillPlaceholders(std::move(*argv), passed);
  *environment =
      WithSockets(std::move(*environment), passed, options_->forms, self);
}

std::vector<std::string> ListenSockets::UnknownPlaceholders(
    absl::Span<const std::string> argv) const {
  return reinit::UnknownPlaceholders(argv, Passed());
}

std::vector<ListenSockets::Id> ListenSockets::Listening(int worker) const {
  std::vector<Id> ids;
  for (const Socket& socket : sockets_) {
    const int fd = socket.fd(worker);
    struct stat found;
    if (!Listens(fd) || ::fstat(fd, &found) != 0) continue;
    ids.push_back({socket.passed.name, socket.passed.address, found.st_dev,
                   found.st_ino, static_cast<uint16_t>(socket.passed.port)});
  }
  return ids;
}

std::vector<ListenSockets::Queue> ListenSockets::Queues() const {
  std::vector<Queue> queues;
  for (const Socket& socket : sockets_) {
    std::optional<uint32_t> length;
    for (const UniqueFd& fd : socket.fds) {
      const std::optional<uint32_t> one = QueueLength(fd.get());
      if (one.has_value()) length = length.value_or(0) + *one;
    }
    if (!length.has_value()) continue;
    Queue& queue = queues.emplace_back(
        Queue{socket.passed.name, socket.passed.address, *length, {}});
    if (queue.length > 0) {
      queue.waiting =
          WaitingConnections(static_cast<uint16_t>(socket.passed.port));
    }
  }
  return queues;
}

bool ListenSockets::TellsWhoWaits() const {
  return std::any_of(
      sockets_.begin(), sockets_.end(), [](const Socket& socket) {
        const auto port = static_cast<uint16_t>(socket.passed.port);
        return port != 0 && WaitingConnections(port).has_value();
      });
}

}  // namespace reinit
