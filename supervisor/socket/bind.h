// Binds listening sockets.
#ifndef REINIT_SUPERVISOR_SOCKET_BIND_H_
#define REINIT_SUPERVISOR_SOCKET_BIND_H_

#include <sys/socket.h>
#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/listen_spec.h"

namespace reinit {

// A socket's file that we made; it goes with this object, but only if it is
// still that one. All methods block on a file system that hangs.
class SocketFile {
 public:
  SocketFile() = default;
  // `path` has just been bound.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { Remove(); }

  // Makes a second hard link, `.NAME.reinit` in the same folder, for Restore.
  // Does nothing where the file system or the kernel refuses links.
  void KeepSecondName();
  // Gives the file its path again, if something has removed it from there and
  // there is a second name. Leaves alone whatever else is at the path: the
  // process may have bound a socket there. True if the path was given back.
  bool Restore() const;

  bool IsThere() const { return IsAt(path_); }
  // Both names.
  void Remove();

 private:
  bool IsAt(const std::string& path) const;

  std::string path_;    // empty: none
  std::string second_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct BoundSocket {
  UniqueFd fd;  // CLOEXEC, blocking, listening
  SocketFile file;
};

// Binds a unix socket to `path`; its file has this mode from the first moment
// on, whatever the umask is. By the path it could be another file by then: the
// folder may be another user's. 0 or errno.
int BindFile(int fd, const std::string& path, mode_t mode);

// Neither blocks. Errors are in words, without the flag: "the address is in
// use...".

// Whether more sockets may have the same address (SO_REUSEPORT). The kernel
// then gives each new connection to one of them, by a hash of both addresses,
// and each has a queue to itself. All must be of one user.
enum class Sharing {
  kNone,
  // Other sockets may follow. No other may be there yet, though it would share:
  // a second reinit would get half of the connections unnoticed.
  kFirst,
  kJoins,  // such others may be there
};

// With `only_ipv6` an IPv6 socket leaves IPv4 to another one.
absl::StatusOr<BoundSocket> BindTcp(const ListenSpec& spec, int backlog,
                                    bool only_ipv6,
                                    Sharing sharing = Sharing::kNone);

// The file of a socket that nobody listens on any more is replaced.
// `type` is SOCK_STREAM or SOCK_SEQPACKET, with or without SOCK_NONBLOCK.
absl::StatusOr<BoundSocket> BindUnix(const ListenSpec& spec, int backlog,
                                     int type = SOCK_STREAM);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_BIND_H_
