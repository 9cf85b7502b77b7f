#include "supervisor/side_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "reaper/unique_fd.h"

namespace reinit {
namespace {

constexpr size_t kMost = 4096;

// Both return 0 or errno, in the child.

int WriteFile(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(
      path.c_str(),
      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644));
  if (!file.valid()) return errno;
  text = text.substr(0, kMost);
  return ::write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

int RemoveFile(const std::string& path) {
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

const char* SideFile::ErrorText(int error) {
  if (error == ETIMEDOUT) return "its file system does not answer";
  const char* const text = ::strerrordesc_np(error);
  return text != nullptr ? text : "it is not known why";
}

SideFile::SideFile(const Context& context, std::string path, OnDone done)
    : context_(context),
      path_(std::move(path)),
      done_(std::move(done)),
      deadline_(context.loop, [this] {
        // Hung in the kernel: not waited for, as its end may never come.
        context_.children->Forget(pid_);
        context_.os->Send(pid_, SIGKILL);
        OnEnd(ETIMEDOUT);
      }) {}

SideFile::~SideFile() {
  if (pid_ != 0) context_.children->Forget(pid_);
}

void SideFile::Write(std::string text) { Ask({false, std::move(text)}); }

void SideFile::Remove() { Ask({true, ""}); }

void SideFile::Ask(Request request) {
  next_ = std::move(request);
  if (pid_ == 0) StartNext();
}

void SideFile::StartNext() {
  const Request request = *std::exchange(next_, std::nullopt);
  const absl::StatusOr<pid_t> forked = context_.os->Fork([&] {
    return request.remove ? RemoveFile(path_) : WriteFile(path_, request.text);
  });
  if (!forked.ok()) return done_(EAGAIN);
  pid_ = *forked;
  deadline_.ArmAfter(kPatience);
  context_.children->Add(pid_, [this](ExitStatus status) {
    OnEnd(status.signal != 0 ? EINTR : status.code);
  });
}

void SideFile::OnEnd(int error) {
  deadline_.Cancel();
  pid_ = 0;
  if (next_.has_value()) {
    StartNext();
  } else {
    done_(error);
  }
}

}  // namespace reinit
