#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "reaper/clock.h"
#include "reaper/poll_for.h"
#include "reaper/unique_fd.h"
#include "supervisor/helper/memory_limit.h"
#include "supervisor/status_server/http_request.h"
#include "supervisor/status_server/status_record.h"

namespace reinit {
namespace {

// Clients whose request is here. With answers as long as may be this is some
// 8 MB.
constexpr size_t kMaxRequests = 64;
// Clients whose request has not come: in a flood of connections that say
// nothing each of them has the time until so many more have come.
constexpr size_t kMaxSilent = 256;
// Those that are here are served before more are accepted.
constexpr int kAcceptsPerTurn = 64;
constexpr rlim_t kMaxMemory = 128 << 20;
constexpr absl::Duration kClientTimeout = absl::Seconds(5);
// What is slower is no answer that a probe would wait for.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(1);
constexpr absl::Duration kPause = absl::Milliseconds(100);

constexpr std::string_view kPlain = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kPrometheus =
    "text/plain; version=0.0.4; charset=utf-8";

// What PID 1 said last.
struct Known {
  uint64_t id = 0;
  bool serves = false;
  std::string state;
  std::string json;
  std::string metrics;
};

std::string Page(const HttpRequest& request, const Known& known) {
  switch (request.page) {
    case HttpRequest::Page::kLive:
      return HttpAnswer(200, kPlain, "ok\n", request.head);
    case HttpRequest::Page::kReady:
      return HttpAnswer(known.serves ? 200 : 503, kPlain, known.state + "\n",
                        request.head);
    case HttpRequest::Page::kStatus:
      return HttpAnswer(200, kJson, known.json + "\n", request.head);
    case HttpRequest::Page::kMetrics:
      return HttpAnswer(200, kPrometheus, known.metrics, request.head);
  }
  return "";
}

// The state of RunStatusHelper; one thread. Its descriptors are borrowed.
class StatusHelper {
 public:
  StatusHelper(int fd, int listener) : fd_(fd), listener_(listener) {}

  int Run() {
    while (!ended_) Turn();
    return 0;
  }

 private:
  struct Connection {
    UniqueFd fd;
    absl::Time deadline;  // of its head, then of PID 1, then of the writing
    std::string received;
    std::optional<HttpRequest> request;  // the head is here
    uint64_t wants = 0;                  // the answer of PID 1 that will do
    std::string answer;
    size_t written = 0;
    short revents = 0;
    bool done = false;

    bool silent() const { return !request.has_value() && answer.empty(); }
  };

  void Turn();
  void Wait();
  bool MakeRoom();
  bool HasRoom() const;
  void Accept();
  void RemoveDone() {
    connections_.remove_if([](const Connection& one) { return one.done; });
  }
  void Step(Connection* connection);
  void Read(Connection* connection);
  void OnHead(Connection* connection);
  void Write(Connection* connection);
  void OnDeadline(Connection* connection);
  void ReadAnswer();
  void AskAgain();
  void Reply(Connection* connection, std::string answer) {
    connection->answer = std::move(answer);
    connection->deadline = clock_.Now() + kClientTimeout;
    Write(connection);
  }
  void Refuse(Connection* connection, int status, std::string_view why) {
    Reply(connection, HttpAnswer(status, kPlain, absl::StrCat(why, "\n"),
                                 /*head=*/false));
  }

  const int fd_;
  const int listener_;
  const MonotonicClock clock_;
  std::list<Connection> connections_;  // oldest first
  uint64_t asked_ = 0;                 // id of the last query
  std::optional<absl::Time> lost_at_;  // a query is under way until then
  Known known_;
  absl::Time accepts_from_ = absl::InfinitePast();
  bool clients_wait_ = false;  // to be accepted
  bool ended_ = false;
};

void StatusHelper::Turn() {
  Wait();
  for (Connection& connection : connections_) Step(&connection);
  RemoveDone();
  if (clients_wait_) Accept();
  AskAgain();
  RemoveDone();
}

void StatusHelper::Wait() {
  const absl::Time now = clock_.Now();
  const bool accepts = now >= accepts_from_ && HasRoom();
  std::vector<pollfd> polled = {{fd_, POLLIN, 0},
                                {accepts ? listener_ : -1, POLLIN, 0}};
  absl::Time wake =
      now >= accepts_from_ ? absl::InfiniteFuture() : accepts_from_;
  wake = std::min(wake, lost_at_.value_or(absl::InfiniteFuture()));
  for (const Connection& one : connections_) {
    short wanted = 0;
    if (!one.answer.empty()) {
      wanted = POLLOUT;
    } else if (!one.request.has_value()) {
      wanted = POLLIN;
    }
    polled.push_back({one.fd.get(), wanted, 0});
    wake = std::min(wake, one.deadline);
  }
  clients_wait_ = false;
  for (Connection& one : connections_) one.revents = 0;
  const int count = PollFor(polled.data(), polled.size(), wake - now);
  if (count < 0) return;  // a signal
  auto seen = polled.begin() + 2;
  for (Connection& one : connections_) one.revents = (seen++)->revents;
  if (polled[0].revents != 0) ReadAnswer();
  clients_wait_ = polled[1].revents != 0;
}

// Only if all that are here wait for PID 1 there is none, which is soon over.
bool StatusHelper::HasRoom() const {
  size_t waiting = 0;
  for (const Connection& one : connections_) {
    if (one.request.has_value() && one.answer.empty()) ++waiting;
  }
  return waiting < kMaxRequests;
}

// Who says nothing goes first, then who does not read; of each the oldest.
bool StatusHelper::MakeRoom() {
  size_t silent = 0;
  auto oldest_silent = connections_.end();
  auto oldest_deaf = connections_.end();
  for (auto one = connections_.begin(); one != connections_.end(); ++one) {
    auto& oldest = one->silent() ? oldest_silent : oldest_deaf;
    if (one->silent()) ++silent;
    const bool may_go = one->silent() || !one->answer.empty();
    if (may_go && oldest == connections_.end()) oldest = one;
  }
  if (silent >= kMaxSilent) connections_.erase(oldest_silent);
  if (connections_.size() - std::min(silent, kMaxSilent) < kMaxRequests) {
    return true;
  }
  if (oldest_deaf == connections_.end()) return false;
  connections_.erase(oldest_deaf);
  return true;
}

// A request that came with its connection is read at once.
void StatusHelper::Accept() {
  for (int i = 0; i < kAcceptsPerTurn && MakeRoom(); ++i) {
    UniqueFd fd(
        ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.valid()) {
      const bool passes =
          errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
      if (!passes) accepts_from_ = clock_.Now() + kPause;
      return;
    }
    Connection& connection = connections_.emplace_back();
    connection.fd = std::move(fd);
    connection.deadline = clock_.Now() + kClientTimeout;
    Read(&connection);
    if (connection.done) connections_.pop_back();
  }
}

void StatusHelper::Step(Connection* connection) {
  const bool broken = (connection->revents & (POLLERR | POLLNVAL)) != 0 ||
                      (connection->revents & (POLLHUP | POLLIN)) == POLLHUP;
  if (broken) {
    connection->done = true;
  } else if (connection->revents != 0 && !connection->answer.empty()) {
    Write(connection);
  } else if (connection->revents != 0) {
    Read(connection);
  }
  const bool waits = connection->request.has_value() &&
                     connection->answer.empty() && !connection->done;
  if (waits && known_.id >= connection->wants) {
    Reply(connection, Page(*connection->request, known_));
  } else if (!connection->done && clock_.Now() >= connection->deadline) {
    OnDeadline(connection);
  }
}

void StatusHelper::Read(Connection* connection) {
  char bytes[2048];
  const ssize_t got =
      ::recv(connection->fd.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    connection->done = true;
    return;
  }
  connection->received.append(bytes, static_cast<size_t>(got));
  if (HasWholeHead(connection->received)) {
    OnHead(connection);
  } else if (connection->received.size() > kMaxRequestHead) {
    Refuse(connection, 431, "the request is too long");
  }
}

void StatusHelper::OnHead(Connection* connection) {
  const HttpRequest request = ParseHttpRequest(connection->received);
  connection->received.clear();
  if (request.error == 404) {
    Refuse(connection, 404, "there are /livez, /readyz, /status, /metrics");
  } else if (request.error != 0) {
    Refuse(connection, request.error, "not a request for this server");
  } else {
    connection->request = request;
    connection->deadline = clock_.Now() + kAnswerTimeout;
    // What is on its way may be older than the request.
    connection->wants = asked_ + 1;
  }
}

void StatusHelper::Write(Connection* connection) {
  const std::string_view rest =
      std::string_view(connection->answer).substr(connection->written);
  const ssize_t sent = ::send(connection->fd.get(), rest.data(), rest.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent > 0) connection->written += static_cast<size_t>(sent);
  if (sent > 0 && connection->written < connection->answer.size()) return;
  connection->done = true;
}

void StatusHelper::OnDeadline(Connection* connection) {
  if (!connection->answer.empty()) {
    connection->done = true;  // it does not read
  } else if (connection->request.has_value()) {
    Refuse(connection, 503, "reinit does not answer");
  } else {
    Refuse(connection, 408, "the request did not come within 5s");
  }
}

// One query at a time, and only while somebody waits for it.
void StatusHelper::AskAgain() {
  const absl::Time now = clock_.Now();
  if (lost_at_.has_value() && now < *lost_at_) return;
  lost_at_.reset();
  for (const Connection& one : connections_) {
    const bool waits =
        one.request.has_value() && one.answer.empty() && !one.done;
    if (!waits || one.wants <= asked_) continue;
    StatusQuery query;
    query.id = asked_ + 1;
    if (::send(fd_, &query, sizeof(query), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      return;
    }
    ++asked_;
    lost_at_ = now + kAnswerTimeout;
    return;
  }
}

void StatusHelper::ReadAnswer() {
  std::vector<char> bytes(kMaxStatusAnswer + 1);
  const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  StatusAnswer answer;
  if (got < static_cast<ssize_t>(sizeof(answer))) {
    ended_ = true;  // PID 1 has closed its end
    return;
  }
  std::memcpy(&answer, bytes.data(), sizeof(answer));
  std::string_view texts(bytes.data() + sizeof(answer),
                         static_cast<size_t>(got) - sizeof(answer));
  const uint64_t whole =
      uint64_t{answer.state_size} + answer.json_size + answer.metrics_size;
  if (answer.magic != StatusAnswer::kMagic || whole != texts.size()) {
    ended_ = true;
    return;
  }
  lost_at_.reset();
  known_.id = answer.id;
  known_.serves = answer.serves == 1;
  known_.state = std::string(texts.substr(0, answer.state_size));
  texts.remove_prefix(answer.state_size);
  known_.json = std::string(texts.substr(0, answer.json_size));
  texts.remove_prefix(answer.json_size);
  known_.metrics = std::string(texts);
}

}  // namespace

int RunStatusHelper(int fd, int listener) {
  LimitMemory(kMaxMemory);
  // PID 1 has the other end of this description, and does not use it.
  ::fcntl(listener, F_SETFL, ::fcntl(listener, F_GETFL) | O_NONBLOCK);
  return StatusHelper(fd, listener).Run();
}

}  // namespace reinit
