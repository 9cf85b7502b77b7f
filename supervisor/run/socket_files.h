// Gives the files of held sockets their paths again.
#ifndef REINIT_SUPERVISOR_RUN_SOCKET_FILES_H_
#define REINIT_SUPERVISOR_RUN_SOCKET_FILES_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"
#include "supervisor/side/side_read.h"
#include "supervisor/socket/listen_sockets.h"

namespace reinit {

// Some servers remove the file of their unix socket when they end. The socket
// still listens then, in reinit and in the next process, but no client finds
// it. A child checks the files, since their file system may hang, and restores
// them; what it restores is logged. Owned by the Launcher, on its thread.
class SocketFiles {
 public:
  // Gets the states for ListenSockets::Renew; empty if they are not known.
  using Then = std::function<void(const std::string& states)>;

  // `sockets` is borrowed, or null: there are none.
  SocketFiles(const Context& context, const ListenSockets* sockets);

  // Call it when a process was told to stop. It may remove a file long before
  // it ends, so checks are made until then, at growing distances.
  void OnStopping();
  // Call it when a process has ended. `stopping`: one that was told to stop is
  // not gone yet.
  void OnEnded(bool stopping);
  // Checks, then calls `then`: at once where there are no files. To be called
  // only when not waiting.
  void CheckThen(Then then);
  bool waiting() const { return then_ != nullptr; }
  // Forgets `then`, and ends a check that is under way.
  void Cancel();

 private:
  bool HasFiles() const;
  void Check();
  void OnTimer();
  void OnChecked(const absl::StatusOr<std::string>& states);

  const Context context_;
  const ListenSockets* const sockets_;
  SideRead child_;
  EventLoop::Timer timer_;  // while a process stops
  absl::Duration distance_;
  bool again_ = false;      // something ended since the check began
  bool no_answer_ = false;  // which is logged once
  Then then_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_RUN_SOCKET_FILES_H_
