#include "reaper/self/stdio.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace reinit {

void HoldStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one.
    if (::open("/dev/null", O_RDWR | O_CLOEXEC) >= 0) continue;
    // An image without /dev: anything that refuses to be read or written.
    [[maybe_unused]] const int held = ::epoll_create1(EPOLL_CLOEXEC);
  }
}

}  // namespace reinit
