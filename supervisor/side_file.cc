#include "supervisor/side_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
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

SideFile::SideFile(const Context& context, std::string path, OnDone done)
    : path_(std::move(path)), done_(std::move(done)), child_(context) {}

void SideFile::Write(std::string text) { Ask({false, std::move(text)}); }

void SideFile::Remove() { Ask({true, ""}); }

void SideFile::Ask(Request request) {
  next_ = std::move(request);
  if (!child_.busy()) StartNext();
}

void SideFile::StartNext() {
  const Request request = *std::exchange(next_, std::nullopt);
  child_.Start(
      [&] {
        return request.remove ? RemoveFile(path_)
                              : WriteFile(path_, request.text);
      },
      [this](int error) { OnEnd(error); });
}

void SideFile::OnEnd(int error) {
  if (next_.has_value()) {
    StartNext();
  } else {
    done_(error);
  }
}

}  // namespace reinit
