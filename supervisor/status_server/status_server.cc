#include "supervisor/status_server/status_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "reaper/passed_rights.h"
#include "supervisor/control/status_render.h"
#include "supervisor/status_server/status_record.h"

namespace reinit {
namespace {

constexpr int kBacklog = 128;

// Two texts, and the word for the state.
static_assert(sizeof(StatusAnswer) + 2 * kMaxRendered + 256 <=
              kMaxStatusAnswer);

}  // namespace

absl::StatusOr<BoundSocket> BindStatusSocket(const ListenSpec& spec) {
  if (spec.kind != ListenSpec::Kind::kUnix) {
    return BindTcp(spec, kBacklog, /*only_ipv6=*/false);
  }
  absl::StatusOr<BoundSocket> bound = BindUnix(spec, kBacklog);
  // What the helper accepts inherits that: it would close what a client sends.
  if (bound.ok()) RefuseRights(bound->fd.get());
  return bound;
}

std::string StatusAddress(const BoundSocket& socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(socket.fd.get(), generic, &size) != 0) return "?";
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, &address, sizeof(four));
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
    return absl::StrCat("http://", text, ":", ntohs(four.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 six;
    std::memcpy(&six, &address, sizeof(six));
    ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
    return absl::StrCat("http://[", text, "]:", ntohs(six.sin6_port));
  }
  sockaddr_un local;
  std::memcpy(&local, &address, sizeof(local));
  local.sun_path[sizeof(local.sun_path) - 1] = '\0';
  return absl::StrCat("http+unix:", local.sun_path);
}

StatusServer::StatusServer(const Context& context, BoundSocket socket,
                           DescribeFn describe)
    : context_(context),
      socket_(std::move(socket)),
      describe_(std::move(describe)),
      timer_(context.loop, [this] { Answer(); }) {
  helper_.emplace(
      context,
      HelperProcess::Spec{
          .role = "status",
          .arguments = [] { return std::vector<std::string>(); },
          .record_size = sizeof(StatusQuery),
          .unprivileged = true,
          .as_command = true,
          .descriptors = {{socket_.fd.get(), kStatusListenFd}},
          .on_record = [this](const char* record) { return OnQuery(record); },
          .on_restarted = nullptr});
}

StatusServer::~StatusServer() { LeaveToExit(std::move(socket_.fd)); }

void StatusServer::Start() {
  helper_->Start();
  context_.log->Write(LogLevel::kInfo,
                      absl::StrCat("status at ", StatusAddress(socket_)));
}

bool StatusServer::OnQuery(const char* record) {
  StatusQuery query;
  std::memcpy(&query, record, sizeof(query));
  if (query.magic != StatusQuery::kMagic) return false;
  asked_ = query.id;
  if (!timer_.armed()) {
    timer_.ArmAt(std::max(context_.loop->Now(), answered_ + kPause));
  }
  return true;
}

void StatusServer::Answer() {
  if (!asked_.has_value() || !helper_.has_value()) return;
  answered_ = context_.loop->Now();
  const Status status = describe_();
  const std::string json = StatusJson(status);
  const std::string metrics = StatusMetrics(status, absl::Now());
  StatusAnswer answer;
  answer.id = *std::exchange(asked_, std::nullopt);
  answer.serves = status.serves ? 1 : 0;
  answer.state_size = static_cast<uint32_t>(status.state.size());
  answer.json_size = static_cast<uint32_t>(json.size());
  answer.metrics_size = static_cast<uint32_t>(metrics.size());
  std::string bytes(reinterpret_cast<const char*>(&answer), sizeof(answer));
  absl::StrAppend(&bytes, status.state, json, metrics);
  // A helper that does not take it tells its clients so.
  helper_->Send(bytes.data(), bytes.size());
}

}  // namespace reinit
