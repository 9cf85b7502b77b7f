// Runs PID 1's side of --status-listen.
#ifndef REINIT_SUPERVISOR_STATUS_SERVER_STATUS_SERVER_H_
#define REINIT_SUPERVISOR_STATUS_SERVER_STATUS_SERVER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reaper/event_loop.h"
#include "supervisor/context.h"
#include "supervisor/helper/helper_process.h"
#include "supervisor/socket/bind.h"
#include "supervisor/socket/listen_spec.h"
#include "supervisor/status.h"

namespace reinit {

// The error is in words, without the flag.
absl::StatusOr<BoundSocket> BindStatusSocket(const ListenSpec& spec);

// Holds the listening socket and hands it to the status helper, which alone
// accepts on it and reads what comes; a new helper goes on with it. Its
// questions are answered at most every kPause, however many clients it has.
// Built by main; on the loop's thread.
class StatusServer {
 public:
  using DescribeFn = std::function<Status()>;

  StatusServer(const Context& context, BoundSocket socket, DescribeFn describe);
  ~StatusServer();  // leaves a unix socket to the exit of the process

  void Start();
  // Kills the helper, for good.
  void Stop() { helper_.reset(); }

  static constexpr absl::Duration kPause = absl::Milliseconds(50);
  pid_t helper_pid() const {  // for tests
    return helper_.has_value() ? helper_->pid() : 0;
  }

 private:
  bool OnQuery(const char* record);
  void Answer();

  const Context context_;
  BoundSocket socket_;
  const DescribeFn describe_;
  std::optional<uint64_t> asked_;  // not answered yet
  absl::Time answered_ = absl::InfinitePast();
  EventLoop::Timer timer_;
  std::optional<HelperProcess> helper_;
};

// Where it listens, as a URL: "http://127.0.0.1:8081", "http+unix:/run/s".
std::string StatusAddress(const BoundSocket& socket);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_STATUS_SERVER_STATUS_SERVER_H_
