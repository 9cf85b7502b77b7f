#include "supervisor/side/trusted_path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

constexpr int kMostLinks = 40;  // as the kernel

bool IsOfProc(int fd) {
  struct statfs found;
  return ::fstatfs(fd, &found) == 0 && found.f_type == PROC_SUPER_MAGIC;
}

// A second name (a hard link) may have been given to a link of root's.
bool IsTrusted(const struct stat& link) {
  return (link.st_uid == 0 || link.st_uid == ::geteuid()) && link.st_nlink == 1;
}

UniqueFd OpenFolder(int at, const char* name) {
  return UniqueFd(::openat(at, name, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

class Walk {
 public:
  Walk(const std::string& path, bool follow_last)
      : rest_(path), follow_last_(follow_last) {}

  TrustedPlace Run() && {
    place_.folder = OpenFolder(AT_FDCWD, Absolute(rest_) ? "/" : ".");
    if (!place_.folder.valid()) place_.error = errno;
    while (place_.error == 0 && Step()) {
    }
    return std::move(place_);
  }

 private:
  static bool Absolute(std::string_view path) {
    return !path.empty() && path[0] == '/';
  }

  // The next name of the path; `rest_` loses it.
  std::string TakeName() {
    const size_t begin = rest_.find_first_not_of('/');
    if (begin == std::string::npos) return "";
    const size_t end = rest_.find('/', begin);
    std::string name = rest_.substr(begin, end - begin);
    rest_ = end == std::string::npos ? "" : rest_.substr(end);
    return name;
  }

  bool Fail(int error) {
    place_.error = error;
    return false;
  }

  // False at the end.
  bool Step() {
    std::string name = TakeName();
    if (name.empty()) return Fail(EISDIR);
    const bool last = rest_.find_first_not_of('/') == std::string::npos;
    const int folder = place_.folder.get();
    UniqueFd here(
        ::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat found = {};
    if (!here.valid()) {
      if (!last || errno != ENOENT) return Fail(errno);
    } else if (::fstat(here.get(), &found) != 0) {
      return Fail(errno);
    }
    const bool link = here.valid() && S_ISLNK(found.st_mode);
    if (last && (!link || !follow_last_)) {
      place_.name = std::move(name);
      return false;
    }
    if (link) return FollowLink(here.get(), found, last, std::move(name));
    place_.folder = std::move(here);
    return true;
  }

  bool FollowLink(int link, const struct stat& found, bool last,
                  std::string name) {
    if (IsOfProc(link)) {
      if (last) {
        place_.name = std::move(name);
        place_.of_proc = true;
        return false;
      }
      return Enter(OpenFolder(place_.folder.get(), name.c_str()));
    }
    if (++links_ > kMostLinks || !IsTrusted(found)) return Fail(ELOOP);
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link, "", target, sizeof(target));
    if (size <= 0) return Fail(size == 0 ? ENOENT : errno);
    rest_ = absl::StrCat(std::string_view(target, static_cast<size_t>(size)),
                         rest_);
    if (!Absolute(rest_)) return true;
    return Enter(OpenFolder(AT_FDCWD, "/"));
  }

  bool Enter(UniqueFd folder) {
    if (!folder.valid()) return Fail(errno);
    place_.folder = std::move(folder);
    return true;
  }

  std::string rest_;
  const bool follow_last_;
  int links_ = 0;
  TrustedPlace place_;
};

}  // namespace

TrustedPlace FindTrusted(const std::string& path, bool follow_last) {
  return Walk(path, follow_last).Run();
}

}  // namespace reinit
