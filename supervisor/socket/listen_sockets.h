// Holds the sockets of --listen for the process.
#ifndef REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
#define REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "reaper/os.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/bind.h"
#include "supervisor/socket/listen_spec.h"
#include "supervisor/socket/passed_sockets.h"

namespace reinit {

// Bound once, before the first start, and held until reinit ends: clients of a
// process that is being replaced wait in the queue. All workers have the same
// sockets, except that of an address with ?reuseport each has one to itself,
// which the next process of that worker gets as well. Methods take the number
// of a worker, from 1; the default 0 is the only process. Never accepted on,
// and CLOEXEC, so that no helper, hook or check has them. Built by main, which
// owns it; used on its thread. Destroying it removes the socket files that it
// made, and leaves the unix sockets to the exit of the process (LeaveToExit).
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
                std::vector<std::string>* environment, int workers = 1);

  bool empty() const { return sockets_.empty(); }
  // What each process gets.
  size_t size() const { return sockets_.size(); }

  // Makes the sockets of one worker more. Returns a line for each that cannot
  // be bound; then nothing has changed.
  std::vector<std::string> AddSlot();
  // Closes the sockets that only the last worker has; there are two or more.
  // Call it when its process has ended: it can take what is in their queues
  // until then. What is left is reset, or moves to the other workers if
  // net.ipv4.tcp_migrate_req is set.
  void RemoveSlot();
  // The same for a worker that will not be started for now, since connections
  // would go on to wait for it. Renew makes them again.
  void CloseSlot(int worker);

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
  // each. Call it before each start of `worker`; the sockets that only others
  // have stay as they are, since their processes have them.
  std::vector<std::string> Renew(std::string_view states, int worker = 0);
  // The unix sockets that Renew has replaced. Strangers may have connected to
  // them: close them by Os::CloseByChild.
  std::vector<UniqueFd>* replaced() { return &replaced_; }

  // What a process needs to find them. `self`: see WithSockets.
  void Pass(pid_t self, std::vector<std::string>* argv,
            std::vector<std::string>* environment,
            std::vector<PassedDescriptor>* descriptors, int worker = 0) const;

  // A line for each placeholder in `argv` that Pass would leave as it is.
  std::vector<std::string> UnknownPlaceholders(
      absl::Span<const std::string> argv) const;

  // Of those of `worker` that connections come in by.
  std::vector<Id> Listening(int worker = 0) const;

  // Connections that wait to be accepted, of each TCP listener; others do not
  // tell. The workers' sockets of one address count as one: the kernel does not
  // tell in which of them a connection waits.
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
    // One; with reuse_port one for each worker, invalid if it is closed.
    std::vector<UniqueFd> fds;
    SocketFile file;
    const ListenSpec* spec = nullptr;  // null: inherited

    bool PerWorker() const { return spec != nullptr && spec->reuse_port; }
    // That of `worker`; null if there is no such worker.
    const UniqueFd* FdOf(int worker) const;
    UniqueFd* FdOf(int worker) {
      return const_cast<UniqueFd*>(std::as_const(*this).FdOf(worker));
    }
    int fd(int worker = 0) const {
      const UniqueFd* const found = FdOf(worker);
      return found == nullptr ? -1 : found->get();
    }
  };

  void TakeInherited(pid_t self, std::vector<std::string>* environment,
                     Problems* problems);
  void OpenOne(const ListenSpec& spec, Problems* problems);
  void TakeDescriptor(const ListenSpec& spec, Problems* problems);
  std::vector<PassedSocket> Passed() const;
  absl::StatusOr<BoundSocket> Bind(const ListenSpec& spec,
                                   Sharing sharing) const;
  absl::StatusOr<BoundSocket> BindAgain(const Socket& socket) const;
  bool IsShared(const ListenSpec& spec) const;
  static bool Has(std::string_view states, size_t index, FileState state);
  static bool HasFile(const Socket& socket);

  const ListenOptions* options_ = nullptr;
  int workers_ = 1;
  std::vector<Socket> sockets_;  // the first becomes descriptor 3
  std::vector<UniqueFd> replaced_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_SOCKET_LISTEN_SOCKETS_H_
