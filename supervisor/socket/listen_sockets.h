// Holds the sockets of --listen for the process.
#ifndef REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
#define REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "reaper/os.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/bind.h"
#include "supervisor/socket/listen_spec.h"
#include "supervisor/socket/passed_sockets.h"

namespace reinit {

// Bound once, before the first start, and held until reinit ends: clients of a
// process that is being replaced wait in the queue. Never accepted on, and
// CLOEXEC, so that no helper, hook or check has them. Built by main, which owns
// it; used on its thread. Destroying it removes the socket files that it made,
// and leaves the unix sockets to the exit of the process (LeaveToExit).
class ListenSockets {
 public:
  // What the kernel knows a socket by, as in /proc.
  struct Id {
    std::string name;
    std::string address;
    dev_t device = 0;
    ino_t inode = 0;
    uint16_t port = 0;  // of a TCP socket
  };
  struct Problems {
    std::vector<std::string> errors;  // complete lines; then nothing may start
    std::vector<std::string> warnings;
  };

  ListenSockets() = default;
  ~ListenSockets();
  ListenSockets(const ListenSockets&) = delete;
  ListenSockets& operator=(const ListenSockets&) = delete;

  // Takes over what a service manager passed (LISTEN_FDS, if LISTEN_PID is
  // `self`), then binds what `options` asks for; all of it, so that every error
  // is found. `environment` loses LISTEN_FDS and its like when they were taken.
  // `options` is borrowed for the life of this object. To be called once,
  // before anything else is opened.
  Problems Open(const ListenOptions* options, pid_t self,
                std::vector<std::string>* environment);

  bool empty() const { return sockets_.empty(); }
  size_t size() const { return sockets_.size(); }

  // What RestoreFiles found at the path of a unix socket.
  enum class FileState : char { kThere = '.', kRestored = '+', kLost = '-' };
  // Whether there is a unix socket with a file that Open made.
  bool HasFiles() const;
  // Gives a file that a process has removed its path again, with the same
  // socket, where nothing else is at the path. Changes nothing here and blocks
  // on a file system that hangs, so it is for a child. Returns a FileState for
  // each socket.
  std::string RestoreFiles() const;
  // A line for each file that RestoreFiles has restored.
  std::vector<std::string> Restored(std::string_view states) const;

  // Binds a socket again that a process has shut down, or whose file is lost by
  // `states`, of RestoreFiles; empty if they are not known. Returns a line for
  // each. Call it before each start.
  std::vector<std::string> Renew(std::string_view states);
  // The unix sockets that Renew has replaced. Strangers may have connected to
  // them: close them by Os::CloseByChild.
  std::vector<UniqueFd>* replaced() { return &replaced_; }

  // What a process needs to find them. `self`: see WithSockets.
  void Pass(pid_t self, std::vector<std::string>* argv,
            std::vector<std::string>* environment,
            std::vector<PassedDescriptor>* descriptors) const;

  // A line for each placeholder in `argv` that Pass would leave as it is.
  std::vector<std::string> UnknownPlaceholders(
      absl::Span<const std::string> argv) const;

  // Of those that connections come in by.
  std::vector<Id> Listening() const;

  // Connections that wait to be accepted, of each TCP listener; others do not
  // tell.
  struct Queue {
    std::string name;
    std::string address;
    uint32_t length = 0;
    // Which they are, if there are any: see WaitingConnections. Of two
    // listeners with one port each has those of both.
    std::optional<std::vector<uint64_t>> waiting;
  };
  std::vector<Queue> Queues() const;
  // Whether `waiting` can be had here: not in every sandbox.
  bool TellsWhoWaits() const;

 private:
  struct Socket {
    PassedSocket passed;
    UniqueFd fd;
    SocketFile file;
    const ListenSpec* spec = nullptr;  // null: inherited
  };

  void TakeInherited(pid_t self, std::vector<std::string>* environment,
                     Problems* problems);
  void OpenOne(const ListenSpec& spec, Problems* problems);
  void TakeDescriptor(const ListenSpec& spec, Problems* problems);
  std::vector<PassedSocket> Passed() const;
  absl::StatusOr<BoundSocket> Bind(const ListenSpec& spec) const;
  bool IsShared(const ListenSpec& spec) const;
  static bool Has(std::string_view states, size_t index, FileState state);
  static bool HasFile(const Socket& socket);

  const ListenOptions* options_ = nullptr;
  std::vector<Socket> sockets_;  // the first becomes descriptor 3
  std::vector<UniqueFd> replaced_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
