// Owns one file descriptor.
#ifndef REINIT_REAPER_UNIQUE_FD_H_
#define REINIT_REAPER_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace reinit {

// Closes its descriptor once. close() is never retried: on Linux the
// descriptor is gone even after EINTR, and a second close could hit a stranger.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace reinit

#endif  // REINIT_REAPER_UNIQUE_FD_H_
