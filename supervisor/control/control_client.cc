#include "supervisor/control/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "reaper/log.h"
#include "reaper/poll_for.h"
#include "supervisor/control/control_server.h"

namespace reinit {
namespace {

constexpr int kConnectSeconds = 5;

absl::Status Gone() {
  return absl::UnavailableError("reinit closed the connection");
}

// Anybody may listen at a path in a folder like /tmp. reinit is root, or the
// same user as we are, or, where root asks in a container of another user, what
// PID 1 is.
absl::Status CheckServer(int fd, const std::string& path) {
  ucred who = {};
  socklen_t size = sizeof(who);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
    return absl::InternalError(absl::StrCat(
        EscapeForLog(path), ": SO_PEERCRED: ", ::strerrordesc_np(errno)));
  }
  struct stat first;
  if (who.uid == 0 || who.uid == ::geteuid() ||
      (::stat("/proc/1", &first) == 0 && who.uid == first.st_uid)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      EscapeForLog(path), ": user ", who.uid,
      " listens there, which is neither root nor you nor the user of PID 1; if "
      "that is reinit, ask it as that user"));
}

}  // namespace

absl::StatusOr<ControlClient> ControlClient::Connect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat(EscapeForLog(path), ": the path is too long"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  // Where nobody accepts, the queue is full some time.
  const timeval patience = {kConnectSeconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (fd.valid() && ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                              sizeof(address)) == 0) {
    if (absl::Status known = CheckServer(fd.get(), path); !known.ok()) {
      return known;
    }
    return ControlClient(std::move(fd));
  }
  const int error = errno;
  const std::string shown = EscapeForLog(path);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(absl::StrCat(
          "no reinit has its socket at ", shown,
          ": a plain init has none, nor has one that cannot write there "
          "(another user than root, a read-only root); name another place to "
          "both, by REINIT_CONTROL or --control=PATH"));
    case ECONNREFUSED:
      if (struct stat found;
          ::stat(path.c_str(), &found) == 0 && !S_ISSOCK(found.st_mode)) {
        return absl::NotFoundError(absl::StrCat(
            shown, " is ",
            S_ISDIR(found.st_mode) ? "a directory" : "another file",
            ", not the socket of a reinit; if its reinit lives, something has "
            "replaced the socket"));
      }
      return absl::NotFoundError(
          absl::StrCat(shown, ": the reinit that had this socket has ended"));
    case EACCES:
      return absl::PermissionDeniedError(absl::StrCat(
          shown, ": only root and the user that reinit runs as may ask it"));
    case EAGAIN:
      return absl::DeadlineExceededError(
          absl::StrCat(shown, ": reinit does not answer"));
    default:
      return absl::InternalError(
          absl::StrCat(shown, ": ", ::strerrordesc_np(error)));
  }
}

absl::StatusOr<std::string> ControlClient::Ask(std::string_view request,
                                               absl::Duration timeout) {
  if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return Gone();
  }
  pollfd readable = {fd_.get(), POLLIN, 0};
  int ready;
  do {
    ready = PollFor(&readable, 1, timeout);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return absl::DeadlineExceededError("reinit does not answer");
  }
  std::vector<char> buffer(kMaxControlAnswer);
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return Gone();
  std::string_view answer(buffer.data(), static_cast<size_t>(got));
  if (absl::ConsumePrefix(&answer, "ok\n")) return std::string(answer);
  absl::ConsumePrefix(&answer, "error\n");
  return absl::FailedPreconditionError(answer);
}

}  // namespace reinit
