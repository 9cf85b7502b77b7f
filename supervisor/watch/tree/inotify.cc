#include "supervisor/watch/tree/inotify.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"

namespace reinit {

namespace {

// At once, so that who never stops changing something cannot keep us reading.
constexpr int kReads = 256;

}  // namespace

int Inotify::Open() {
  fd_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  return fd_.valid() ? 0 : errno;
}

int Inotify::Add(int directory_fd, uint32_t mask) {
  if (!is_open()) return -EBADF;
  mask |= IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD;
  // The call takes paths only, and the true one may be replaced meanwhile.
  const std::string path = absl::StrCat("/proc/self/fd/", directory_fd);
  int watch = ::inotify_add_watch(fd_.get(), path.c_str(), mask);
  if (watch < 0 && errno == ENOENT && ::fchdir(directory_fd) == 0) {
    // No /proc: as the working directory, which means nothing to us else.
    watch = ::inotify_add_watch(fd_.get(), ".", mask);
    const int error = errno;
    // It must not keep a file system from being unmounted.
    [[maybe_unused]] const int moved = ::chdir("/");
    errno = error;
  }
  return watch >= 0 ? watch : -errno;
}

void Inotify::Remove(int watch) { ::inotify_rm_watch(fd_.get(), watch); }

void Inotify::Read(absl::FunctionRef<void(const Event&)> on_event) {
  alignas(inotify_event) char buffer[16 * 1024];
  for (int i = 0; i < kReads; ++i) {
    const ssize_t size = ::read(fd_.get(), buffer, sizeof(buffer));
    if (size <= 0) return;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(*event) + event->len);
      on_event({.watch = event->wd,
                .mask = event->mask,
                .cookie = event->cookie,
                .name = event->len > 0 ? event->name : ""});
    }
  }
}

}  // namespace reinit
