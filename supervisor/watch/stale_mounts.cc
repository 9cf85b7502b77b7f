#include "supervisor/watch/stale_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// Bind mounts of every container, which their runtime writes in place.
constexpr std::string_view kOfTheRuntime[] = {"/etc/hosts", "/etc/hostname",
                                              "/etc/resolv.conf"};

// The kernel writes blanks, tabs, newlines and backslashes as \ooo.
std::string Unescaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      result +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                            (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// A folder of the kubelet's atomic writer, as `/..2026_01_31_12_00_00.42`.
bool InsideOfVersion(std::string_view source) {
  return absl::StrContains(source, "/..2");
}

// A part of a volume, and not the volume as a whole.
bool IsStiff(const MountPoint& mount) {
  struct stat found;
  if (::lstat(mount.path.c_str(), &found) != 0) return false;
  return S_ISREG(found.st_mode) ||
         (S_ISDIR(found.st_mode) && InsideOfVersion(mount.source));
}

}  // namespace

std::vector<MountPoint> ParseMountInfo(std::string_view text) {
  std::vector<MountPoint> result;
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(' ', 5));
    if (fields.size() < 6) continue;
    result.push_back({Unescaped(fields[4]), Unescaped(fields[3])});
  }
  return result;
}

std::vector<MountPoint> OwnMounts() {
  const UniqueFd file(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while (file.valid() &&
         (got = ::read(file.get(), buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return ParseMountInfo(text);
}

StaleMounts::StaleMounts(const std::vector<std::string>& roots,
                         const std::vector<MountPoint>& mounts) {
  for (const std::string& root : roots) {
    char path[PATH_MAX];
    if (::realpath(root.c_str(), path) == nullptr) continue;
    const std::string below = absl::StrCat(path, "/");
    for (const MountPoint& mount : mounts) {
      const bool inside =
          mount.path == path || absl::StartsWith(mount.path, below);
      const bool known =
          std::find(std::begin(kOfTheRuntime), std::end(kOfTheRuntime),
                    mount.path) != std::end(kOfTheRuntime);
      const bool twice =
          std::find(paths_.begin(), paths_.end(), mount.path) != paths_.end();
      if (inside && !known && !twice && IsStiff(mount)) {
        paths_.push_back(mount.path);
        if (InsideOfVersion(mount.source)) parts_.push_back(mount.path);
      }
    }
  }
  left_ = paths_;
}

std::vector<std::string> StaleMounts::Check() {
  std::vector<std::string> stale;
  for (const std::string& path : left_) {
    struct stat found;
    if (::lstat(path.c_str(), &found) == 0 && found.st_nlink == 0) {
      stale.push_back(path);
    }
  }
  for (const std::string& path : stale) {
    left_.erase(std::find(left_.begin(), left_.end(), path));
  }
  return stale;
}

}  // namespace reinit
