#include "supervisor/control/control_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "reaper/passed_rights.h"

namespace reinit {
namespace {

constexpr int kBacklog = 32;
constexpr int kAcceptsPerTurn = 8;
constexpr absl::Duration kPause = absl::Seconds(1);

}  // namespace

absl::StatusOr<BoundSocket> BindControlSocket(const std::string& path) {
  ListenSpec spec;
  spec.kind = ListenSpec::Kind::kUnix;
  spec.path = path;
  spec.mode = 0600;
  absl::StatusOr<BoundSocket> bound =
      BindUnix(spec, kBacklog, SOCK_SEQPACKET | SOCK_NONBLOCK);
  // What it accepts inherits that. An older kernel than Linux 6.16: see there.
  if (bound.ok()) RefuseRights(bound->fd.get());
  return bound;
}

ControlServer::ControlServer(EventLoop* loop, Log* log, BoundSocket socket,
                             Handler handler)
    : loop_(loop),
      log_(log),
      socket_(std::move(socket)),
      handler_(std::move(handler)),
      resume_(loop, [this] { Resume(); }) {}

ControlServer::~ControlServer() { LeaveToExit(std::move(socket_.fd)); }

void ControlServer::Start() {
  const absl::Status watches = Watch();
  if (watches.ok()) return;
  log_->Write(LogLevel::kWarning, absl::StrCat("control: ", watches.message(),
                                               ": trying again each second"));
  resume_.ArmAfter(kPause);
}

absl::Status ControlServer::Watch() {
  auto watch = loop_->WatchReadable(socket_.fd.get(), [this] { Accept(); });
  if (!watch.ok()) return watch.status();
  watch_ = *std::move(watch);
  return absl::OkStatus();
}

void ControlServer::Resume() {
  if (!Watch().ok()) resume_.ArmAfter(kPause);
}

void ControlServer::Accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd fd(::accept4(socket_.fd.get(), nullptr, nullptr,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      Admit(std::move(fd));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // Out of descriptors or memory: it stays readable, so look away.
      watch_.Cancel();
      resume_.ArmAfter(kPause);
      return;
    }
  }
}

// The mode of the file may have been changed, or the descriptor passed on.
bool ControlServer::MayAsk(int fd) {
  ucred who = {};
  socklen_t size = sizeof(who);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return false;
  if (who.uid == 0 || who.uid == ::geteuid()) return true;
  // Once is enough: whoever tries may try often.
  if (std::exchange(complained_, true)) return false;
  log_->Write(LogLevel::kWarning,
              absl::StrCat("control: refused process ", who.pid, " of user ",
                           who.uid, ", who is not the owner"));
  return false;
}

void ControlServer::Admit(UniqueFd fd) {
  if (!MayAsk(fd.get())) return;
  if (clients_.size() >= kMaxClients) Drop(clients_.begin());
  const int size = 2 * static_cast<int>(kMaxControlAnswer);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
  const Place client = clients_.insert(clients_.end(), Client());
  client->fd = std::move(fd);
  auto watch =
      loop_->WatchReadable(client->fd.get(), [this, client] { Read(client); });
  if (!watch.ok()) return Drop(client);
  client->watch = *std::move(watch);
}

void ControlServer::Read(Place client) {
  char request[kMaxControlRequest];
  const ssize_t got = ::recv(client->fd.get(), request, sizeof(request),
                             MSG_DONTWAIT | MSG_TRUNC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Drop(client);
  clients_.splice(clients_.end(), clients_, client);
  if (static_cast<size_t>(got) > sizeof(request)) {
    return Answer(client, "error\nthe request is too long");
  }
  Answer(client, handler_(std::string_view(request, static_cast<size_t>(got))));
}

void ControlServer::Answer(Place client, std::string answer) {
  if (answer.size() > kMaxControlAnswer)
    answer = "error\nthe answer is too long";
  const ssize_t sent = ::send(client->fd.get(), answer.data(), answer.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(answer.size())) Drop(client);
}

void ControlServer::Drop(Place client) { clients_.erase(client); }

}  // namespace reinit
