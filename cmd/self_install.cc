#include "cmd/self_install.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "reaper/unique_fd.h"
#include "supervisor/helper/helper_process.h"

namespace reinit {
namespace {

absl::Status Failed(const std::string& what) {
  return absl::ErrnoToStatus(errno, what);
}

absl::Status Copy(int from, int to, const std::string& name) {
  static constexpr size_t kChunk = size_t{1} << 16;
  std::array<char, kChunk> buffer;
  for (;;) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0) return Failed("cannot read this binary");
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::write(to, buffer.data() + done, got - done);
      if (written < 0) return Failed("cannot write " + name);
      done += written;
    }
  }
  if (::fchmod(to, 0755) != 0) return Failed("cannot make executable " + name);
  // Before the name is there: what a network file system could not store.
  if (::fsync(to) != 0) return Failed("cannot write " + name);
  return absl::OkStatus();
}

}  // namespace

absl::Status SelfInstall(const std::string& directory) {
  const UniqueFd self = OpenSelf();
  if (!self.valid()) return Failed("cannot read this binary");
  const std::string target = absl::StrCat(directory, "/reinit");
  std::string temporary = absl::StrCat(directory, "/.reinit-XXXXXX");
  const UniqueFd copy(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!copy.valid()) {
    return Failed(absl::StrCat("cannot make a file in ", directory));
  }
  absl::Status status = Copy(self.get(), copy.get(), target);
  if (status.ok() && ::rename(temporary.c_str(), target.c_str()) != 0) {
    status = Failed(absl::StrCat("cannot put it at ", target));
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace reinit
