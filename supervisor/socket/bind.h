// Making listening sockets.
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
// still that one.
class SocketFile {
 public:
  SocketFile() = default;
  // `path` has just been bound.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile() { Remove(); }

  bool IsThere() const;
  void Remove();

 private:
  std::string path_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct BoundSocket {
  UniqueFd fd;  // CLOEXEC, blocking, listening
  SocketFile file;
};

// Neither blocks. Errors are in words, without the flag: "the address is in
// use...".

// With `only_ipv6` an IPv6 socket leaves IPv4 to another one.
absl::StatusOr<BoundSocket> BindTcp(const ListenSpec& spec, int backlog,
                                    bool only_ipv6);

// The file of a socket that nobody listens on any more is replaced.
// `type` is SOCK_STREAM or SOCK_SEQPACKET, with or without SOCK_NONBLOCK.
absl::StatusOr<BoundSocket> BindUnix(const ListenSpec& spec, int backlog,
                                     int type = SOCK_STREAM);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_BIND_H_
