#include "supervisor/socket/bind.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr int kStream = SOCK_STREAM | SOCK_CLOEXEC;
constexpr int kFirstFreePort = 1024;

absl::Status Error(std::string_view what) {
  return absl::FailedPreconditionError(what);
}

absl::Status TcpError(const ListenSpec& spec, int error, Sharing sharing) {
  switch (error) {
    case EADDRINUSE:
      return Error(sharing == Sharing::kJoins
                       ? "the address is in use by a socket that does not "
                         "share it (SO_REUSEPORT)"
                       : "the address is in use: another process listens on "
                         "it");
    case EACCES:
      return Error(spec.port < kFirstFreePort
                       ? "no permission: a port below 1024 needs the "
                         "capability NET_BIND_SERVICE"
                       : "no permission");
    case EADDRNOTAVAIL:
      return Error("no network interface here has this address");
    case EAFNOSUPPORT:
      return Error(spec.ipv6 ? "there is no IPv6 here; tcp://0.0.0.0:PORT is "
                               "for all IPv4 addresses"
                             : "there is no IPv4 here");
    default:
      return Error(::strerrordesc_np(error));
  }
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(),
              std::min(path.size(), sizeof(address.sun_path) - 1));
  return address;
}

int BindName(int fd, const std::string& path) {
  const sockaddr_un address = UnixAddress(path);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0
             ? 0
             : errno;
}

// Changes the owner of the file just bound, and of no other that has been put
// in its place meanwhile. 0 or errno.
int GiveTo(const ListenSpec& spec) {
  if (!spec.user.has_value() && !spec.group.has_value()) return 0;
  const UniqueFd file(
      ::open(spec.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat found;
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return errno;
  const bool ours = S_ISSOCK(found.st_mode) && found.st_nlink == 1 &&
                    found.st_uid == ::geteuid();
  if (!ours) return EEXIST;
  return ::fchownat(file.get(), "", spec.user.value_or(static_cast<uid_t>(-1)),
                    spec.group.value_or(static_cast<gid_t>(-1)),
                    AT_EMPTY_PATH) == 0
             ? 0
             : errno;
}

// Makes way for a new socket at `path`.
absl::Status RemoveStale(const std::string& path) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) {
    return absl::OkStatus();  // bind tells what it means
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error("this file is there already and is no socket");
  }
  const UniqueFd client(::socket(AF_UNIX, kStream | SOCK_NONBLOCK, 0));
  // A stranger that accepts this must not send a descriptor to be closed here.
  ::shutdown(client.get(), SHUT_RD);
  const sockaddr_un address = UnixAddress(path);
  const bool connected =
      ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0;
  // A full queue, or a socket of another type, has an owner as well.
  if (connected || (errno != ECONNREFUSED && errno != ENOENT)) {
    return Error(!connected && errno == EACCES
                     ? "this socket is there already, and there is no "
                       "permission to see whether somebody listens on it"
                     : "the address is in use: another process listens on it");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Error(
        absl::StrCat("a socket without an owner is in the way and "
                     "cannot be removed: ",
                     ::strerrordesc_np(errno)));
  }
  return absl::OkStatus();
}

bool MaySharePort(int fd) {
  const int on = 1;
  return ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

// Of the same socket in the same folder. A path has one owner, so this has.
std::string SecondName(const std::string& path) {
  const size_t name = path.rfind('/') + 1;  // 0 without a folder
  return absl::StrCat(path.substr(0, name), ".", path.substr(name), ".reinit");
}

}  // namespace

int BindFile(int fd, const std::string& path, mode_t mode) {
  // The file gets the mode of the socket, without what the umask takes.
  if (::fchmod(fd, mode) != 0) return errno;
  const mode_t umask = ::umask(0);
  const int error = BindName(fd, path);
  ::umask(umask);
  return error;
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat found;
  if (::lstat(path_.c_str(), &found) != 0) return;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      second_(std::exchange(other.second_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  if (this == &other) return *this;
  Remove();
  path_ = std::exchange(other.path_, {});
  second_ = std::exchange(other.second_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

bool SocketFile::IsAt(const std::string& path) const {
  struct stat found;
  return !path.empty() && ::lstat(path.c_str(), &found) == 0 &&
         S_ISSOCK(found.st_mode) && found.st_dev == device_ &&
         found.st_ino == inode_;
}

void SocketFile::KeepSecondName() {
  if (path_.empty() || !second_.empty()) return;
  std::string second = SecondName(path_);
  // A reinit that was killed may have left one.
  if (second.size() < sizeof(sockaddr_un::sun_path) &&
      !RemoveStale(second).ok()) {
    return;
  }
  if (::link(path_.c_str(), second.c_str()) != 0) return;
  if (IsAt(second)) {
    second_ = std::move(second);
  } else {
    // The path was replaced just before.
    ::unlink(second.c_str());
  }
}

// A link to a name that is taken fails, so it replaces nothing.
bool SocketFile::Restore() const {
  return !IsThere() && IsAt(second_) &&
         ::link(second_.c_str(), path_.c_str()) == 0;
}

void SocketFile::Remove() {
  if (IsThere()) ::unlink(path_.c_str());
  if (IsAt(second_)) ::unlink(second_.c_str());
  path_.clear();
  second_.clear();
}

absl::StatusOr<BoundSocket> BindTcp(const ListenSpec& spec, int backlog,
                                    bool only_ipv6, Sharing sharing) {
  BoundSocket bound;
  bound.fd.reset(::socket(spec.ipv6 ? AF_INET6 : AF_INET, kStream, 0));
  if (!bound.fd.valid()) return TcpError(spec, errno, sharing);
  const int on = 1;
  // Connections of an earlier life may still be in TIME_WAIT.
  ::setsockopt(bound.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (sharing == Sharing::kJoins && !MaySharePort(bound.fd.get())) {
    return TcpError(spec, errno, sharing);
  }
  sockaddr_in6 six = {};
  sockaddr_in four = {};
  const auto port = htons(static_cast<uint16_t>(spec.port));
  int error;
  if (spec.ipv6) {
    const int only = only_ipv6 ? 1 : 0;
    ::setsockopt(bound.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only,
                 sizeof(only));
    six.sin6_family = AF_INET6;
    six.sin6_port = port;
    ::inet_pton(AF_INET6, spec.host.c_str(), &six.sin6_addr);
    error =
        ::bind(bound.fd.get(), reinterpret_cast<sockaddr*>(&six), sizeof(six));
  } else {
    four.sin_family = AF_INET;
    four.sin_port = port;
    ::inet_pton(AF_INET, spec.host.c_str(), &four.sin_addr);
    error = ::bind(bound.fd.get(), reinterpret_cast<sockaddr*>(&four),
                   sizeof(four));
  }
  // The first one shares its port only when it has it for itself.
  if (error != 0 || ::listen(bound.fd.get(), backlog) != 0 ||
      (sharing == Sharing::kFirst && !MaySharePort(bound.fd.get()))) {
    return TcpError(spec, errno, sharing);
  }
  return bound;
}

absl::StatusOr<BoundSocket> BindUnix(const ListenSpec& spec, int backlog,
                                     int type) {
  if (absl::Status s = RemoveStale(spec.path); !s.ok()) return s;
  BoundSocket bound;
  bound.fd.reset(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!bound.fd.valid()) return Error(::strerrordesc_np(errno));
  const int error = spec.mode.has_value()
                        ? BindFile(bound.fd.get(), spec.path, *spec.mode)
                        : BindName(bound.fd.get(), spec.path);
  if (error != 0) {
    return Error(error == ENOENT       ? "its folder is not there"
                 : error == EACCES     ? "no permission to write its folder"
                 : error == EADDRINUSE ? "this file is there already"
                                       : ::strerrordesc_np(error));
  }
  bound.file = SocketFile(spec.path);
  // Nobody can connect before listen, so nobody finds it with other rights.
  if (const int refused = GiveTo(spec); refused != 0) {
    return Error(absl::StrCat("cannot be given to that user or group: ",
                              ::strerrordesc_np(refused)));
  }
  if (::listen(bound.fd.get(), backlog) != 0) {
    return Error(::strerrordesc_np(errno));
  }
  return bound;
}

}  // namespace reinit
