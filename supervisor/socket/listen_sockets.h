// The sockets that reinit holds for the process.
#ifndef REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
#define REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
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
// it; used on its thread. Destroying it removes the socket files that it made.
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

  // Makes good what a process that has ended did to them: a file that it
  // removed, or a listener that it shut down, is bound anew. Returns
  // a line for each. To be called before each start.
  std::vector<std::string> Renew();

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

  const ListenOptions* options_ = nullptr;
  std::vector<Socket> sockets_;  // the first becomes descriptor 3
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
