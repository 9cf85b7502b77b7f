#include "supervisor/watch/tree/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>

#include "reaper/unique_fd.h"
#include "xxhash.h"

namespace reinit {

bool HashContent(int directory_fd, const char* name,
                 const std::function<void()>& progress, uint64_t* hash) {
  const UniqueFd fd(::openat(directory_fd, name,
                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (!fd.valid() || ::fstat(fd.get(), &st) != 0) return false;
  if (!S_ISREG(st.st_mode)) {
    errno = EINVAL;
    return false;
  }
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  constexpr size_t kSlice = 256 * 1024;
  const auto slice = std::make_unique<char[]>(kSlice);
  for (;;) {
    const ssize_t size = ::read(fd.get(), slice.get(), kSlice);
    if (size < 0) return false;
    if (size == 0) break;
    XXH3_64bits_update(&state, slice.get(), static_cast<size_t>(size));
    if (progress) progress();
  }
  const uint64_t digest = XXH3_64bits_digest(&state);
  *hash = digest != 0 ? digest : 1;
  return true;
}

}  // namespace reinit
