#include "supervisor/notify/ready_report.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

constexpr std::string_view kSocket = "NOTIFY_SOCKET=";
constexpr std::string_view kAboutUs[] = {
    kSocket, "WATCHDOG_USEC=", "WATCHDOG_PID=", "FDSTORE="};

}  // namespace

std::string TakeNotifySocket(std::vector<std::string>* environment) {
  std::string socket;
  const auto is_about_us = [&](const std::string& entry) {
    if (absl::StartsWith(entry, kSocket) && socket.empty()) {
      socket = entry.substr(kSocket.size());
    }
    return std::any_of(
        std::begin(kAboutUs), std::end(kAboutUs),
        [&](std::string_view name) { return absl::StartsWith(entry, name); });
  };
  environment->erase(
      std::remove_if(environment->begin(), environment->end(), is_about_us),
      environment->end());
  return socket;
}

ReadyReport::ReadyReport(Log* log, std::string file, std::string_view upwards)
    : log_(log), file_(std::move(file)), address_(upwards) {
  if (!file_.empty()) ::unlink(file_.c_str());  // of a life before this one
  const bool usable = !address_.empty() &&
                      (address_[0] == '/' || address_[0] == '@') &&
                      address_.size() < sizeof(sockaddr_un::sun_path);
  if (!usable) return;
  if (address_[0] == '@') address_[0] = '\0';
  upwards_.reset(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

ReadyReport::~ReadyReport() { SetFile(false); }

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

void ReadyReport::WatchdogAlive() { Send("WATCHDOG=1"); }

void ReadyReport::SetFile(bool there) {
  if (file_.empty() || there == file_is_there_) return;
  bool done;
  if (there) {
    // A fifo or a device there must not hold us.
    done = UniqueFd(::open(file_.c_str(),
                           O_CREAT | O_WRONLY | O_CLOEXEC | O_NONBLOCK, 0644))
               .valid();
  } else {
    done = ::unlink(file_.c_str()) == 0 || errno == ENOENT;
  }
  const int error = errno;
  // As if it had been: it is tried again at the next change, not at each call.
  file_is_there_ = there;
  if (done || std::exchange(complained_, true)) return;
  log_->Write(LogLevel::kWarning,
              absl::StrCat("--ready-file=", file_, ": ",
                           there ? "cannot be made: " : "cannot be removed: ",
                           ::strerrordesc_np(error)));
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
  log_->Write(LogLevel::kWarning, absl::StrCat("NOTIFY_SOCKET: cannot send: ",
                                               ::strerrordesc_np(errno)));
}

}  // namespace reinit
