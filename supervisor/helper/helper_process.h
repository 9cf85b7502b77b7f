// Runs a helper: this same binary, re-executed in a role.
#ifndef REINIT_SUPERVISOR_HELPER_HELPER_PROCESS_H_
#define REINIT_SUPERVISOR_HELPER_HELPER_PROCESS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/types/span.h"
#include "reaper/event_loop.h"
#include "reaper/unique_fd.h"
#include "supervisor/context.h"
#include "supervisor/value/backoff.h"

namespace reinit {

// argv[0] of a helper is this and its role; its socket is descriptor 3.
inline constexpr std::string_view kHelperPrefix = "reinit: ";
inline constexpr int kHelperFd = 3;

// The running binary; by name only where there is no /proc. Opened for each
// start, since a plain init never needs it. Invalid, with errno: there is none.
UniqueFd OpenSelf();

// Where a helper with private arguments finds them: a file in memory (memfd).
inline constexpr int kHelperArgumentsFd = 5;

// In the helper: all that its descriptor kHelperArgumentsFd has, which is then
// closed.
std::vector<std::string> ReceiveArguments();

// Does what PID 1 must not: touch watched file systems, parse network bytes.
// What it sends are datagrams of one fixed size. A helper that ends, sends
// anything else, or can no longer be heard (an error, or a socket that it has
// closed without ending) is killed and started again, with backoff, for as long
// as this object lives; one that was stopped by a signal is continued. It dies
// with PID 1. Owned by a strategy; on the loop's thread.
class HelperProcess {
 public:
  struct Spec {
    std::string role;
    // Asked at each start, so that a new one can be told what the last knew.
    std::function<std::vector<std::string>()> arguments;
    size_t record_size = 0;
    bool unprivileged = false;
    bool as_command = false;     // as the user that the command runs as
    bool writes_stdout = false;  // has reinit's stdout, not /dev/null
    // Passes the arguments through a file in memory, for ReceiveArguments:
    // every process may read argv.
    bool private_arguments = false;
    // That it is to have beside its socket, from kHelperFd + 1 on; they must
    // stay open for as long as this object lives.
    std::vector<PassedDescriptor> descriptors = {};
    // One datagram of exactly record_size bytes; false: malformed.
    std::function<bool(const char*)> on_record;
    // A new one was started in place of one that ended.
    std::function<void()> on_restarted;
    // Asked when it has ended: true if it had nothing left to do, and no other
    // is to be started. Must not destroy this object. Null: it never ends.
    std::function<bool(ExitStatus)> may_end = nullptr;
  };

  HelperProcess(const Context& context, Spec spec);
  ~HelperProcess();  // kills it
  HelperProcess(const HelperProcess&) = delete;
  HelperProcess& operator=(const HelperProcess&) = delete;

  void Start();

  // False if there is none right now, or it does not read. It gets copies of
  // `descriptors`, kMostRights at most.
  bool Send(const void* record, size_t size,
            absl::Span<const int> descriptors = {});

  // It broke a promise (`why`, for the log): kill it and start another.
  void Replace(std::string_view why);

  pid_t pid() const { return pid_; }  // 0: none right now

 private:
  bool TryStart();
  void Read();
  void OnExit(ExitStatus status);
  void OnStopped(int signo);
  void Retry(std::string_view why);

  const Context context_;
  const Spec spec_;
  pid_t pid_ = 0;
  UniqueFd socket_;
  UniqueFd result_;  // why it could not be executed, if that is so
  EventLoop::FdWatch watch_;
  Backoff backoff_;
  absl::Time started_at_ = absl::InfiniteFuture();  // the one that runs
  EventLoop::Timer retry_;
  EventLoop::Timer silent_;  // it has closed its socket, and has not ended yet
  bool started_before_ = false;
  bool stop_told_ = false;
  std::vector<char> buffer_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_HELPER_HELPER_PROCESS_H_
