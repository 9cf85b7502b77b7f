#include "supervisor/probe/check_run.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace reinit {
namespace {

constexpr size_t kReadSize = 4096;
constexpr size_t kMaxDrained = 64 * 1024;
constexpr absl::Duration kMaxDrainTime = absl::Milliseconds(250);

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

// "connection refused", as it stands in the middle of a log line.
std::string ErrorText(int error) {
  char buffer[128];
  std::string text = ::strerror_r(error, buffer, sizeof(buffer));
  if (!text.empty()) text[0] = absl::ascii_tolower(text[0]);
  return text;
}

std::string Authority(const ProbeTarget& target) {
  const bool ipv6 = absl::StrContains(target.host, ':');
  return absl::StrCat(ipv6 ? "[" : "", target.host, ipv6 ? "]" : "",
                      target.port == 80 ? "" : absl::StrCat(":", target.port));
}

std::string Request(const ProbeTarget& target) {
  // Some servers answer 411 to one of these that does not say so.
  const bool may_have_body =
      target.method != "GET" && target.method != "DELETE";
  return absl::StrCat(target.method, " ", target.path,
                      " HTTP/1.1\r\nHost: ", Authority(target),
                      "\r\nUser-Agent: reinit-probe/0.1\r\nAccept: */*\r\n",
                      may_have_body ? "Content-Length: 0\r\n" : "",
                      target.headers, "Connection: close\r\n\r\n");
}

// The path fits: the target's parser saw to that.
Address UnixAddress(const std::string& path) {
  sockaddr_un un = {};
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(),
              std::min(path.size(), sizeof(un.sun_path) - 1));
  Address address;
  std::memcpy(&address.storage, &un, sizeof(un));
  address.size = sizeof(un);
  return address;
}

}  // namespace

CheckRun::CheckRun(const ProbeTarget* target, const ExpectedStatus* expected,
                   absl::Duration timeout, absl::Time now, LookupFn lookup)
    : target_(target),
      expected_(expected),
      lookup_(lookup),
      timeout_(timeout),
      deadline_(now + timeout),
      now_(now) {
  StartResolving();
}

pollfd CheckRun::Wanted() const {
  switch (state_) {
    case State::kResolving:
      return {resolver_->fd(), POLLIN, 0};
    case State::kConnecting:
    case State::kSending:
      return {socket_.get(), POLLOUT, 0};
    case State::kReading:
    case State::kBody:
    case State::kDraining:
      return {socket_.get(), POLLIN, 0};
    case State::kCalling:
      return {socket_.get(),
              static_cast<short>(call_->outgoing().empty() ? POLLIN
                                                           : POLLIN | POLLOUT),
              0};
    case State::kFinished:
      break;
  }
  return {-1, 0, 0};
}

absl::Time CheckRun::wake() const {
  if (state_ == State::kDraining) return drain_deadline_;
  if (state_ == State::kBody) return std::min(deadline_, drain_deadline_);
  if (state_ == State::kConnecting) return address_deadline_;
  return deadline_;
}

void CheckRun::Step(bool ready, absl::Time now) {
  now_ = now;
  if (state_ == State::kBody && now >= wake()) return EndBody();
  if (!answered() && now >= deadline_) {
    TimedOut();
    return;
  }
  if (!ready) {
    if (now < wake()) return;
    if (state_ == State::kDraining) state_ = State::kFinished;
    if (state_ == State::kConnecting) AddressFailed("no connection in time");
    return;
  }
  switch (state_) {
    case State::kResolving:
      FinishResolving();
      break;
    case State::kConnecting:
      OnConnected();
      break;
    case State::kSending:
      Send();
      break;
    case State::kReading:
      Read();
      break;
    case State::kBody:
      ReadBody();
      break;
    case State::kCalling:
      Call();
      break;
    case State::kDraining:
      Drain();
      break;
    case State::kFinished:
      break;
  }
}

void CheckRun::StartResolving() {
  if (!target_->socket.empty()) {
    addresses_ = {UnixAddress(target_->socket)};
  } else {
    addresses_ = KnownAddresses(target_->host, target_->port);
  }
  if (!addresses_.empty()) {
    ConnectNext();
    return;
  }
  auto resolver = Resolver::Start(target_->host, target_->port, lookup_);
  if (!resolver.ok()) {
    Answer(false, absl::StrCat("no address for ", target_->host, ": ",
                               resolver.status().message()));
    return;
  }
  resolver_ = *std::move(resolver);
}

void CheckRun::FinishResolving() {
  auto addresses = resolver_->Finish();
  resolver_.reset();
  if (!addresses.ok()) {
    Answer(false, absl::StrCat("no address for ", target_->host, ": ",
                               addresses.status().message()));
    return;
  }
  addresses_ = *std::move(addresses);
  ConnectNext();
}

void CheckRun::ConnectNext() {
  while (next_address_ < addresses_.size()) {
    state_ = State::kConnecting;
    const auto left = static_cast<int64_t>(addresses_.size() - next_address_);
    // Each gets an equal share of what is left: one that drops packets must not
    // use up the time of the others.
    address_deadline_ = now_ + (deadline_ - now_) / left;
    const Address& address = addresses_[next_address_++];
    socket_.reset(::socket(address.storage.ss_family,
                           SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int error = socket_.valid() ? 0 : errno;
    if (error == 0 &&
        ::connect(socket_.get(),
                  reinterpret_cast<const sockaddr*>(&address.storage),
                  address.size) != 0) {
      error = errno;
    }
    // A unix socket whose queue is full: it does not get ready by polling. A
    // server that takes no connections is not well.
    if (error == EAGAIN) error = ETIMEDOUT;
    // EINTR too means that it goes on by itself.
    if (error == EINPROGRESS || error == EINTR) return;
    if (error == 0) {
      OnConnected();
      return;
    }
    if (first_failure_.empty()) first_failure_ = ErrorText(error);
  }
  Answer(false, first_failure_);
}

void CheckRun::AddressFailed(std::string_view why) {
  if (first_failure_.empty()) first_failure_ = std::string(why);
  ConnectNext();
}

// With no listener on a port of the ephemeral range, connect can meet its own
// socket there (simultaneous open), and would call a dead server healthy.
bool CheckRun::ConnectedToItself() const {
  // Both ends of a unix connection may well have no name.
  if (!target_->socket.empty()) return false;
  sockaddr_storage ours = {};
  sockaddr_storage theirs = {};
  socklen_t our_size = sizeof(ours);
  socklen_t their_size = sizeof(theirs);
  return ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&ours),
                       &our_size) == 0 &&
         ::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&theirs),
                       &their_size) == 0 &&
         our_size == their_size && std::memcmp(&ours, &theirs, our_size) == 0;
}

void CheckRun::OnConnected() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error == 0 && ConnectedToItself()) error = ECONNREFUSED;
  if (error != 0) {
    AddressFailed(ErrorText(error));
    return;
  }
  if (target_->kind == ProbeTarget::Kind::kGrpc) {
    call_ = std::make_unique<GrpcHealth>(Authority(*target_), target_->service);
    state_ = State::kCalling;
    return Call();
  }
  if (target_->kind != ProbeTarget::Kind::kHttp) {
    return Answer(true, "connected");
  }
  request_ = Request(*target_);
  state_ = State::kSending;
  Send();
}

void CheckRun::Send() {
  const ssize_t sent =
      ::send(socket_.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent < 0 && (WouldBlock(errno) || errno == EINTR)) return;
  if (sent >= 0) request_.erase(0, static_cast<size_t>(sent));
  // A server may answer and close before it has read everything: whatever is
  // wrong, the read says.
  if (sent < 0 || request_.empty()) state_ = State::kReading;
}

void CheckRun::Read() {
  char buffer[kReadSize];
  const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
  if (got < 0) {
    if (!WouldBlock(errno) && errno != EINTR) Answer(false, ErrorText(errno));
    return;
  }
  const std::string_view bytes(buffer, static_cast<size_t>(got));
  const size_t before = response_.taken();
  const HttpResponse::State state =
      got == 0 ? response_.End() : response_.Feed(bytes);
  if (state == HttpResponse::State::kBad) Answer(false, response_.problem());
  if (state == HttpResponse::State::kDone) {
    OnHead(bytes.substr(response_.taken() - before));
  }
}

void CheckRun::OnHead(std::string_view body) {
  const int status = response_.status();
  const bool passed = std::any_of(
      expected_->begin(), expected_->end(), [status](const auto& range) {
        return range.first <= status && status <= range.second;
      });
  if (passed || !target_->is_request) return AnswerStatus(passed, "");
  state_ = State::kBody;
  drain_deadline_ = now_ + kMaxDrainTime;
  if (!body_.Feed(body)) return EndBody();
  ReadBody();
}

void CheckRun::ReadBody() {
  char buffer[kReadSize];
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && (WouldBlock(errno) || errno == EINTR)) return;
    if (got <= 0 || !body_.Feed({buffer, static_cast<size_t>(got)})) break;
  }
  EndBody();
}

void CheckRun::EndBody() {
  AnswerStatus(
      false, body_.Text(response_.chunked(), target_->headers, target_->path));
}

void CheckRun::AnswerStatus(bool passed, std::string_view why) {
  Answer(passed, absl::StrCat("HTTP ", response_.status(),
                              why.empty() ? "" : ": ", why));
  state_ = State::kDraining;
  drain_deadline_ = now_ + kMaxDrainTime;
  Drain();
}

// False: there is no use in going on to read.
bool CheckRun::CallSends() {
  const std::string_view bytes = call_->outgoing();
  if (bytes.empty()) return true;
  const ssize_t sent =
      ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) call_->Sent(static_cast<size_t>(sent));
  // Else it has closed, which the read says, after what it had to say before.
  return sent >= 0 || WouldBlock(errno) || errno == EINTR || errno == EPIPE;
}

void CheckRun::Call() {
  if (!CallSends()) return Answer(false, ErrorText(errno));
  char buffer[kReadSize];
  const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
  if (got < 0) {
    if (!WouldBlock(errno) && errno != EINTR) Answer(false, ErrorText(errno));
    return;
  }
  const GrpcHealth::State state =
      got == 0 ? call_->End() : call_->Feed({buffer, static_cast<size_t>(got)});
  if (state == GrpcHealth::State::kMore) return;
  // Acknowledgements, as good manners; nobody waits for them.
  CallSends();
  Answer(state == GrpcHealth::State::kPassed, call_->text());
}

void CheckRun::Drain() {
  char buffer[kReadSize];
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && (WouldBlock(errno) || errno == EINTR)) return;
    drained_ += got > 0 ? static_cast<size_t>(got) : 0;
    if (got <= 0 || drained_ >= kMaxDrained) {
      state_ = State::kFinished;
      return;
    }
  }
}

void CheckRun::Answer(bool passed, std::string_view text) {
  result_ = {passed, std::string(text)};
  state_ = State::kFinished;
}

void CheckRun::TimedOut() {
  const char* what = "no answer";
  if (state_ == State::kResolving) what = "no address";
  if (state_ == State::kConnecting) what = "no connection";
  Answer(false, absl::StrCat(what, " within ", absl::FormatDuration(timeout_)));
}

}  // namespace reinit
