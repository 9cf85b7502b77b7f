#include "supervisor/notify/ready_report.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr std::string_view kSocket = "NOTIFY_SOCKET=";
constexpr std::string_view kWatchdog = "WATCHDOG_USEC=";
constexpr std::string_view kWatchdogPid = "WATCHDOG_PID=";
constexpr std::string_view kAboutUs[] = {kSocket, kWatchdog, kWatchdogPid,
                                         "FDSTORE="};

// The value of the first of these entries; empty if there is none.
std::string_view Find(const std::vector<std::string>& environment,
                      std::string_view name) {
  for (const std::string_view entry : environment) {
    if (absl::StartsWith(entry, name)) return entry.substr(name.size());
  }
  return "";
}

}  // namespace

Upwards TakeUpwards(std::vector<std::string>* environment, pid_t self) {
  Upwards upwards;
  upwards.socket = std::string(Find(*environment, kSocket));
  int64_t micros = 0;
  const std::string_view whose = Find(*environment, kWatchdogPid);
  if (absl::SimpleAtoi(Find(*environment, kWatchdog), &micros) && micros > 0 &&
      (whose.empty() || whose == absl::StrCat(self))) {
    upwards.watchdog = absl::Microseconds(micros);
  }
  const auto is_about_us = [](const std::string& entry) {
    return std::any_of(
        std::begin(kAboutUs), std::end(kAboutUs),
        [&](std::string_view name) { return absl::StartsWith(entry, name); });
  };
  environment->erase(
      std::remove_if(environment->begin(), environment->end(), is_about_us),
      environment->end());
  return upwards;
}

ReadyReport::ReadyReport(const Context& context, const std::string& file,
                         const Upwards& upwards)
    : context_(context),
      address_(upwards.socket),
      watchdog_(upwards.watchdog),
      alive_(context.loop, [this] { Live(); }) {
  if (!file.empty()) {
    file_.emplace(context, file, [this, file](int error) {
      if (error == 0 || std::exchange(complained_, true)) return;
      context_.log->Write(LogLevel::kWarning,
                          absl::StrCat("--ready-file=", file, ": cannot be ",
                                       file_is_there_ ? "made: " : "removed: ",
                                       SideFile::ErrorText(error)));
    });
    file_->Remove();
  }
  const bool usable = !address_.empty() &&
                      (address_[0] == '/' || address_[0] == '@') &&
                      address_.size() < sizeof(sockaddr_un::sun_path);
  if (!usable) return;
  if (address_[0] == '@') address_[0] = '\0';
  upwards_.reset(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (watchdog_ != absl::InfiniteDuration()) Live();
}

// Twice as often as has to be, as sd_watchdog_enabled(3) recommends.
void ReadyReport::Live() {
  Send("WATCHDOG=1");
  alive_.ArmAfter(watchdog_ / 2);
}

void ReadyReport::Show(bool ready, std::string_view state) {
  SetFile(ready);
  if (ready && !std::exchange(said_ready_, true)) Send("READY=1");
  if (state == said_state_) return;
  said_state_ = std::string(state);
  Send(absl::StrCat("STATUS=", state));
}

void ReadyReport::Stopping() {
  SetFile(false);
  Send("STOPPING=1\nSTATUS=stopping");
}

void ReadyReport::Status(std::string_view text) {
  Send(absl::StrCat("STATUS=", text));
}

void ReadyReport::SetFile(bool there) {
  if (!file_.has_value() || there == file_is_there_) return;
  // As if it had been: it is tried again at the next change, not at each call.
  file_is_there_ = there;
  if (there) {
    file_->Make();
  } else {
    file_->Remove();
  }
}

void ReadyReport::Send(std::string_view message) {
  if (!upwards_.valid()) return;
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  if (::sendto(upwards_.get(), message.data(), message.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
               size) >= 0 ||
      std::exchange(complained_, true)) {
    return;
  }
  context_.log->Write(
      LogLevel::kWarning,
      absl::StrCat("NOTIFY_SOCKET: cannot send: ", ::strerrordesc_np(errno)));
}

}  // namespace reinit
