#include "supervisor/side/side_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "reaper/unique_fd.h"
#include "supervisor/side/trusted_path.h"

namespace reinit {
namespace {

constexpr size_t kMost = 4096;
constexpr int kTries = 8;

// All return 0 or errno, in the child. The process may have another user, and
// the folder may be its own: what it put there must not lead us elsewhere.

int RemoveFile(const std::string& path) {
  const TrustedPlace place = FindTrusted(path, /*follow_last=*/false);
  if (place.error != 0) return place.error == ENOENT ? 0 : place.error;
  const int removed = ::unlinkat(place.folder.get(), place.name.c_str(), 0);
  return removed == 0 || errno == ENOENT ? 0 : errno;
}

// A file of our own, whatever is there.
int MakeFile(const std::string& path) {
  const TrustedPlace place = FindTrusted(path, /*follow_last=*/false);
  if (place.error != 0) return place.error;
  int error = 0;
  // Not for ever, against a process that puts something there again and again.
  for (int i = 0; i < kTries; ++i) {
    const UniqueFd file(::openat(place.folder.get(), place.name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                 0644));
    if (file.valid()) return 0;
    error = errno;
    if (error != EEXIST) return error;
    if (::unlinkat(place.folder.get(), place.name.c_str(), 0) != 0 &&
        errno != ENOENT) {
      return errno;
    }
  }
  return error;
}

// One that is there stays: the kubelet mounts a file by itself.
UniqueFd OpenFile(const TrustedPlace& place) {
  constexpr int kFlags = O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  // What /proc leads to is open in some process, which goes on writing.
  const int follow = place.of_proc ? O_APPEND : O_NOFOLLOW;
  UniqueFd file(
      ::openat(place.folder.get(), place.name.c_str(), kFlags | follow));
  if (!file.valid() && errno == ENOENT) {
    file.reset(::openat(place.folder.get(), place.name.c_str(),
                        kFlags | O_CREAT | O_EXCL, 0644));
  }
  return file;
}

// The descriptor of our own output that has this file open, or -1.
int OutputTo(const struct stat& file) {
  for (const int fd : {STDERR_FILENO, STDOUT_FILENO}) {
    struct stat open;
    if (::fstat(fd, &open) == 0 && open.st_dev == file.st_dev &&
        open.st_ino == file.st_ino) {
      return fd;
    }
  }
  return -1;
}

int WriteFile(const std::string& path, std::string_view text) {
  const TrustedPlace place = FindTrusted(path, /*follow_last=*/true);
  if (place.error != 0) return place.error;
  const UniqueFd file = OpenFile(place);
  struct stat found;
  if (!file.valid() || ::fstat(file.get(), &found) != 0) return errno;
  int to = file.get();
  if (S_ISREG(found.st_mode)) {
    // The kernel lets anybody give a second name to a file of root's where
    // fs.protected_hardlinks is off. What is open here is open already.
    if (found.st_nlink > 1 && !place.of_proc) return EMLINK;
    // It holds the log, whose place in the file we share only this way.
    const int output = OutputTo(found);
    if (output >= 0) {
      to = output;
    } else if (!place.of_proc && ::ftruncate(to, 0) != 0) {
      return errno;
    }
  }
  text = text.substr(0, kMost);
  return ::write(to, text.data(), text.size()) < 0 ? errno : 0;
}

}  // namespace

SideFile::SideFile(const Context& context, std::string path, OnDone done)
    : path_(std::move(path)), done_(std::move(done)), child_(context) {}

std::string SideFile::ErrorText(int error) {
  if (error == ELOOP) {
    return "a link that another user made leads there, and is not followed";
  }
  if (error == EMLINK) {
    return "the file has a second name (a hard link), so it may be another "
           "than the one meant";
  }
  return SideChild::ErrorText(error);
}

void SideFile::Make() { Ask({Request::What::kMake, ""}); }

void SideFile::Write(std::string text) {
  Ask({Request::What::kWrite, std::move(text)});
}

void SideFile::Remove() { Ask({Request::What::kRemove, ""}); }

void SideFile::Ask(Request request) {
  next_ = std::move(request);
  if (!child_.busy()) StartNext();
}

void SideFile::StartNext() {
  const Request request = *std::exchange(next_, std::nullopt);
  child_.Start(
      [&] {
        switch (request.what) {
          case Request::What::kMake:
            return MakeFile(path_);
          case Request::What::kWrite:
            return WriteFile(path_, request.text);
          case Request::What::kRemove:
            break;
        }
        return RemoveFile(path_);
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
