// Receives the sd_notify(3) messages of the process.
#ifndef REINIT_SUPERVISOR_NOTIFY_NOTIFY_SOCKET_H_
#define REINIT_SUPERVISOR_NOTIFY_NOTIFY_SOCKET_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "reaper/event_loop.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"
#include "supervisor/notify/notify_message.h"
#include "supervisor/notify/rights_drain.h"
#include "supervisor/value/time_budget.h"

namespace reinit {

// A bound datagram socket, there for the whole life of reinit. Anybody who
// finds it may send: who did stands in the sender's credentials, as the kernel
// gives them, and whoever listens judges that. On the loop's thread.
//
// It has a path, never an abstract name: those are shared by all containers of
// a pod. A read-only image has /dev/shm or a tmpfs at /run or /tmp.
class NotifySocket {
 public:
  // `sender` is 0 for a process outside of this pid namespace. Descriptors
  // that came along are closed after it has returned, by another process, which
  // is what BARRIER=1 awaits. A message may come twice if that process dies.
  using OnMessage =
      std::function<void(pid_t sender, const NotifyMessage& message)>;

  // In the first of `folders` that lets itself be written to; `name` must be
  // unlikely to be there.
  static absl::StatusOr<std::unique_ptr<NotifySocket>> Create(
      absl::Span<const std::string_view> folders, std::string_view name);
  ~NotifySocket();  // removes it
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Until StopListening, which must come before the end of what `context`
  // names. Where the loop cannot watch the socket, that is tried again each
  // second.
  void Listen(const Context& context, OnMessage on_message);
  void StopListening() { listening_.reset(); }

  // Hears what has come, a bounded number of messages, without waiting for the
  // loop: to be called before a process is reaped, whose last words count.
  // Hears nothing for the moment in which descriptors are taken out of the
  // queue.
  void Read();

  const std::string& path() const { return path_; }

 private:
  NotifySocket(UniqueFd socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}
  struct Listening {
    Listening(NotifySocket* self, const Context& where, OnMessage what);
    const Context context;
    const OnMessage on_message;
    RightsDrain drain;
    EventLoop::FdWatch watch;
    EventLoop::Timer resume;
    // In a flood of messages the socket rests now and then, and so do the
    // senders.
    TimeBudget budget;
    absl::Time rests_until = absl::InfinitePast();
    bool complained = false;
  };
  void Watch();
  void Pause();
  bool ReadOne();

  UniqueFd socket_;
  const std::string path_;
  std::optional<Listening> listening_;
};

// /run and its stand-ins, best first.
absl::Span<const std::string_view> NotifyFolders();

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_NOTIFY_NOTIFY_SOCKET_H_
