// Drives one network check that is under way.
#ifndef REINIT_SUPERVISOR_PROBE_CHECK_RUN_H_
#define REINIT_SUPERVISOR_PROBE_CHECK_RUN_H_

#include <poll.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "reaper/unique_fd.h"
#include "supervisor/probe/error_body.h"
#include "supervisor/probe/grpc_health.h"
#include "supervisor/probe/http_response.h"
#include "supervisor/probe/resolver.h"
#include "supervisor/probe/target.h"

namespace reinit {

struct CheckResult {
  bool passed = false;
  std::string text;  // printable, one line: "HTTP 503", "connection refused"
};

// Inclusive ranges of HTTP status codes that pass.
using ExpectedStatus = std::vector<std::pair<int, int>>;

// Looks the host up, connects to each of its addresses in turn and, for http,
// sends one GET and reads the head of the answer, or for grpc makes one call.
// Of a request's error it reads the first bytes as well, for 250 ms at most.
// Never blocks: its owner polls for what Wanted() says and calls Step. Has an
// answer at its deadline at the latest, whatever the other side does, and holds
// no more than some 20 KiB, with grpc 200.
//
// Destroying it closes its connection and ends its look-up. One thread; times
// are monotonic (MonotonicClock).
class CheckRun {
 public:
  // `target` (neither file nor exec) and `expected` are borrowed for its life.
  CheckRun(const ProbeTarget* target, const ExpectedStatus* expected,
           absl::Duration timeout, absl::Time now,
           LookupFn lookup = &SystemLookup);
  CheckRun(const CheckRun&) = delete;
  CheckRun& operator=(const CheckRun&) = delete;

  // The descriptor and events to poll for; fd is -1 for none.
  pollfd Wanted() const;
  // Call Step then, if nothing has happened before.
  absl::Time wake() const;
  // `ready`: the events of Wanted() have come.
  void Step(bool ready, absl::Time now);

  // Whether result() is there.
  bool answered() const { return state_ >= State::kDraining; }
  const CheckResult& result() const { return result_; }
  // Whether it may be destroyed without annoying the server: until then the
  // rest of the answer is read and dropped (at most 64 KiB and 250 ms), because
  // closing on unread bytes resets the connection, which servers log as errors.
  bool finished() const { return state_ == State::kFinished; }

 private:
  enum class State {
    kResolving,
    kConnecting,
    kSending,
    kReading,
    kBody,     // of an error that is told
    kCalling,  // both at once: grpc
    kDraining,
    kFinished
  };

  void StartResolving();
  void FinishResolving();
  void ConnectNext();
  void OnConnected();
  void AddressFailed(std::string_view why);
  bool ConnectedToItself() const;
  void Send();
  void Read();
  void OnHead(std::string_view body);
  void ReadBody();
  void EndBody();
  void AnswerStatus(bool passed, std::string_view why);
  void Call();
  bool CallSends();
  void Drain();
  void Answer(bool passed, std::string_view text);
  void TimedOut();

  const ProbeTarget* const target_;
  const ExpectedStatus* const expected_;
  const LookupFn lookup_;
  const absl::Duration timeout_;
  const absl::Time deadline_;
  absl::Time now_;
  absl::Time address_deadline_;
  absl::Time drain_deadline_;  // of a body, too
  State state_ = State::kResolving;
  std::unique_ptr<Resolver> resolver_;
  std::vector<Address> addresses_;
  size_t next_address_ = 0;
  std::string first_failure_;
  UniqueFd socket_;
  std::string request_;  // what is still to be sent of it
  HttpResponse response_;
  ErrorBody body_;
  std::unique_ptr<GrpcHealth> call_;
  size_t drained_ = 0;
  CheckResult result_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_PROBE_CHECK_RUN_H_
