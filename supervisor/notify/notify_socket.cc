#include "supervisor/notify/notify_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "reaper/passed_rights.h"
#include "supervisor/socket/bind.h"

namespace reinit {
namespace {

constexpr std::string_view kFolders[] = {"/run", "/tmp", "/dev/shm",
                                         "/var/tmp"};
// A flood must not keep the loop from signals and exits. TimeBudget::kShare
// mostly ends a turn sooner; what a process says last, behind many messages, is
// to be read in the turn of its exit.
constexpr int kMessagesPerTurn = 512;
// After an error that may pass.
constexpr absl::Duration kPause = absl::Seconds(1);

// The sender's pid.
pid_t SenderOf(msghdr* header) {
  const cmsghdr* const part = CMSG_FIRSTHDR(header);
  if (part == nullptr || part->cmsg_level != SOL_SOCKET ||
      part->cmsg_type != SCM_CREDENTIALS ||
      part->cmsg_len != CMSG_LEN(sizeof(ucred))) {
    return 0;
  }
  ucred who;
  std::memcpy(&who, CMSG_DATA(part), sizeof(who));
  return who.pid;
}

absl::Status Bind(int fd, const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError("the path is too long");
  }
  // The process may be another user (--user, or by itself).
  const int error = BindFile(fd, path, 0666);
  return error == 0 ? absl::OkStatus() : absl::ErrnoToStatus(error, "bind");
}

}  // namespace

absl::Span<const std::string_view> NotifyFolders() { return kFolders; }

absl::StatusOr<std::unique_ptr<NotifySocket>> NotifySocket::Create(
    absl::Span<const std::string_view> folders, std::string_view name) {
  UniqueFd socket(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return absl::ErrnoToStatus(errno, "socket");
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) !=
      0) {
    return absl::ErrnoToStatus(errno, "SO_PASSCRED");
  }
  for (const std::string_view folder : folders) {
    std::string path = absl::StrCat(folder, "/", name);
    if (Bind(socket.get(), path).ok()) {
      return std::unique_ptr<NotifySocket>(
          new NotifySocket(std::move(socket), std::move(path)));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no place for the socket of --ready=notify and --watchdog: "
                   "none of ",
                   absl::StrJoin(folders, ", "),
                   " can be written to; mount a tmpfs on one of them, or use "
                   "--ready=fd:N"));
}

NotifySocket::~NotifySocket() {
  ::unlink(path_.c_str());
  LeaveToExit(std::move(socket_));
}

NotifySocket::Listening::Listening(NotifySocket* self, const Context& where,
                                   OnMessage what)
    : context(where),
      on_message(std::move(what)),
      drain(where, self->socket_.get(), [self] { self->Watch(); }),
      resume(where.loop, [self] { self->Watch(); }) {}

void NotifySocket::Listen(const Context& context, OnMessage on_message) {
  listening_.emplace(this, context, std::move(on_message));
  Watch();
}

void NotifySocket::Watch() {
  // A watch while a child takes a message would fire and do nothing, for ever.
  if (listening_->drain.busy() || listening_->watch.active()) return;
  EventLoop* const loop = listening_->context.loop;
  if (loop->Now() < listening_->rests_until) {
    listening_->resume.ArmAt(listening_->rests_until);
    return;
  }
  auto watch = loop->WatchReadable(socket_.get(), [this] { Read(); });
  if (watch.ok()) {
    listening_->watch = *std::move(watch);
    return;
  }
  if (!std::exchange(listening_->complained, true)) {
    listening_->context.log->Write(
        LogLevel::kWarning,
        absl::StrCat("notify socket: ", watch.status().message(),
                     ": trying again each second"));
  }
  Pause();
}

// It would stay readable.
void NotifySocket::Pause() {
  listening_->watch.Cancel();
  listening_->resume.ArmAfter(kPause);
}

void NotifySocket::Read() {
  if (!listening_.has_value()) return;
  EventLoop* const loop = listening_->context.loop;
  const absl::Time began = loop->Now();
  for (int i = 0; i < kMessagesPerTurn && listening_.has_value() &&
                  !listening_->drain.busy() && ReadOne() &&
                  loop->Now() - began < TimeBudget::kShare;
       ++i) {
  }
  if (!listening_.has_value()) return;
  const absl::Duration rest = listening_->budget.Spend(began, loop->Now());
  if (rest == absl::ZeroDuration()) return;
  listening_->rests_until = loop->Now() + rest;
  listening_->watch.Cancel();
  // Else the end of the child leads on.
  if (!listening_->drain.busy()) {
    listening_->resume.ArmAt(listening_->rests_until);
  }
}

// Looks at the first message before it is taken: see RightsDrain. False when
// there is none, or it is not to be taken here.
bool NotifySocket::ReadOne() {
  char text[kMaxNotifyDatagram];
  // No room for descriptors: MSG_CTRUNC tells that there are some.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
  iovec part = {text, sizeof(text)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const ssize_t got =
      ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_PEEK);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) Pause();
    return errno == EINTR;
  }
  const bool has_rights = (header.msg_flags & MSG_CTRUNC) != 0;
  if (!has_rights) ::recv(socket_.get(), nullptr, 0, MSG_DONTWAIT);
  if ((header.msg_flags & MSG_TRUNC) == 0) {
    listening_->on_message(
        SenderOf(&header),
        ParseNotifyMessage(std::string_view(text, static_cast<size_t>(got))));
  }
  if (!has_rights) return true;
  if (listening_.has_value()) {
    listening_->watch.Cancel();
    listening_->resume.Cancel();
    listening_->drain.Take();
  }
  return false;
}

}  // namespace reinit
