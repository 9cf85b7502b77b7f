// Serves the socket that `reinit ctl` talks to.
#ifndef REINIT_SUPERVISOR_CONTROL_CONTROL_SERVER_H_
#define REINIT_SUPERVISOR_CONTROL_CONTROL_SERVER_H_

#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reaper/event_loop.h"
#include "reaper/log.h"
#include "reaper/unique_fd.h"
#include "supervisor/socket/bind.h"

namespace reinit {

// A request and its answer are one message each (SOCK_SEQPACKET), so nothing
// is ever half read. The answer is "ok\n" or "error\n" and a text.
inline constexpr size_t kMaxControlRequest = 256;
inline constexpr size_t kMaxControlAnswer = 64 << 10;

// A socket file of mode 0600; also whoever may connect must be root or run as
// the same user as reinit. The error is in words, without the flag.
absl::StatusOr<BoundSocket> BindControlSocket(const std::string& path);

// Answers on a bound socket, on the loop's thread. Nothing that a client does
// can hold it up: it reads one message a turn from each, an answer that is not
// taken at once is the last one, and of too many clients the one that has been
// silent for longest goes. Built by main, for the life of the loop.
class ControlServer {
 public:
  // Returns the answer; must not block.
  using Handler = std::function<std::string(std::string_view request)>;

  ControlServer(EventLoop* loop, Log* log, BoundSocket socket, Handler handler);
  ~ControlServer();  // leaves the socket to the exit of the process
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Where the loop cannot watch the socket, that is said, and tried again each
  // second.
  void Start();

  static constexpr size_t kMaxClients = 32;
  size_t clients() const { return clients_.size(); }  // for tests

 private:
  struct Client {
    UniqueFd fd;
    EventLoop::FdWatch watch;
  };
  using Place = std::list<Client>::iterator;

  absl::Status Watch();
  void Resume();
  void Accept();
  bool MayAsk(int fd);
  void Admit(UniqueFd fd);
  void Read(Place client);
  void Answer(Place client, std::string answer);
  void Drop(Place client);

  EventLoop* const loop_;
  Log* const log_;
  BoundSocket socket_;
  const Handler handler_;
  bool complained_ = false;  // of a stranger
  EventLoop::FdWatch watch_;
  EventLoop::Timer resume_;    // when descriptors had run out
  std::list<Client> clients_;  // the most talkative last
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_CONTROL_CONTROL_SERVER_H_
