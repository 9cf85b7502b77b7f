#include "supervisor/watch/tree/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace reinit {
namespace {

// Some file systems do not say in a directory what a name stands for.
bool IsDirectory(int fd, const dirent64& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat st;
  return ::fstatat(fd, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(st.st_mode);
}

constexpr std::string_view kEnvironmentMark = "pyvenv.cfg";

bool IsKubelets(const char* name) { return std::strncmp(name, "..", 2) == 0; }

bool LeadsIntoData(int fd, const char* name) {
  char target[kVolumeData.size() + 1];
  return ::readlinkat(fd, name, target, sizeof(target)) ==
             static_cast<ssize_t>(sizeof(target)) &&
         std::string_view(target, kVolumeData.size()) == kVolumeData &&
         target[kVolumeData.size()] == '/';
}

bool IsDots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

// Sockets, pipes and devices are no content: a server that makes its socket in
// the watched folder would be restarted for that.
bool IsSpecial(unsigned char type) {
  return type == DT_SOCK || type == DT_FIFO || type == DT_CHR || type == DT_BLK;
}

// Turns the listing of a directory with a `..data` link into that of a volume.
void MakeVolume(int fd, Listing* listing) {
  Listing volume;
  volume.is_volume = true;
  for (size_t i = 0; i < listing->directories.size(); ++i) {
    const char* const name = listing->directories.name(i);
    if (!IsKubelets(name)) volume.directories.Add(name);
  }
  volume.directories.Add(kVolumeData.data());
  for (size_t i = 0; i < listing->files.size(); ++i) {
    const char* const name = listing->files.name(i);
    if (!IsKubelets(name) && !LeadsIntoData(fd, name)) volume.files.Add(name);
  }
  *listing = std::move(volume);
}

}  // namespace

void NameList::Add(const char* text) {
  offsets.push_back(static_cast<uint32_t>(bytes.size()));
  bytes.append(text, std::strlen(text) + 1);
}

void NameList::Sort() {
  const char* const base = bytes.data();
  std::sort(offsets.begin(), offsets.end(), [base](uint32_t a, uint32_t b) {
    return std::strcmp(base + a, base + b) < 0;
  });
}

bool ReadListing(int fd, const Filter& filter, const Filter::Place& place,
                 Listing* listing) {
  alignas(dirent64) char buffer[32 * 1024];
  if (::lseek(fd, 0, SEEK_SET) < 0) return false;
  bool good = true;
  for (;;) {
    // readdir would need a DIR, which allocates and owns the descriptor.
    const long size = ::syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
    good = size >= 0;
    if (size <= 0) break;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      if (IsDots(entry->d_name) || IsSpecial(entry->d_type)) continue;
      if (entry->d_name == kVolumeData && !IsDirectory(fd, *entry)) {
        listing->is_volume = true;
        continue;
      }
      if (IsDirectory(fd, *entry)) {
        if (filter.EntersDirectory(place, entry->d_name)) {
          listing->directories.Add(entry->d_name);
        }
        continue;
      }
      if (entry->d_name == kEnvironmentMark) listing->is_environment = true;
      if (filter.WatchesFile(place, entry->d_name)) {
        listing->files.Add(entry->d_name);
      }
    }
  }
  const int error = errno;
  if (listing->is_volume) MakeVolume(fd, listing);
  listing->files.Sort();
  listing->directories.Sort();
  errno = error;
  return good;
}

}  // namespace reinit
