#include "supervisor/notify/notify_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace reinit {
namespace {

constexpr std::string_view kFolders[] = {"/run", "/tmp", "/dev/shm",
                                         "/var/tmp"};
// A flood must not keep the loop from signals and exits.
constexpr int kMessagesPerTurn = 16;
// As many as the kernel lets anybody send at once.
constexpr size_t kMaxDescriptors = 253;

// The sender's pid, and the descriptors that came along.
pid_t ReadControl(msghdr* header, std::vector<UniqueFd>* descriptors) {
  pid_t sender = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr;
       part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    const size_t size = part->cmsg_len - CMSG_LEN(0);
    if (part->cmsg_type == SCM_CREDENTIALS && size == sizeof(ucred)) {
      ucred who;
      std::memcpy(&who, CMSG_DATA(part), sizeof(who));
      sender = who.pid;
    } else if (part->cmsg_type == SCM_RIGHTS) {
      for (size_t at = 0; at + sizeof(int) <= size; at += sizeof(int)) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(part) + at, sizeof(fd));
        descriptors->emplace_back(fd);
      }
    }
  }
  return sender;
}

absl::Status Bind(int fd, const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("the path is too long");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::ErrnoToStatus(errno, "bind");
  }
  // The process may be another user (--user, or by itself).
  ::chmod(path.c_str(), 0666);
  return absl::OkStatus();
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

NotifySocket::~NotifySocket() { ::unlink(path_.c_str()); }

absl::Status NotifySocket::Listen(EventLoop* loop, OnMessage on_message) {
  on_message_ = std::move(on_message);
  auto watch = loop->WatchReadable(socket_.get(), [this] { Read(); });
  if (!watch.ok()) return watch.status();
  watch_ = *std::move(watch);
  return absl::OkStatus();
}

void NotifySocket::Read() {
  for (int i = 0; i < kMessagesPerTurn && watch_.active() && ReadOne(); ++i) {
  }
}

// False when there is none.
bool NotifySocket::ReadOne() {
  char text[kMaxNotifyDatagram];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) +
                                CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  iovec part = {text, sizeof(text)};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const ssize_t got =
      ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EINTR;
  std::vector<UniqueFd> descriptors;
  const pid_t sender = ReadControl(&header, &descriptors);
  if ((header.msg_flags & MSG_TRUNC) != 0) return true;
  on_message_(sender, ParseNotifyMessage(
                          std::string_view(text, static_cast<size_t>(got))));
  return true;
}

}  // namespace reinit
