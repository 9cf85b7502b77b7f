#include "supervisor/watch/tree/file_systems.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// See FileSystems::Announces.
bool AnnouncesByType(int fd) {
  constexpr unsigned long kVirtualBox = 0x786f4256;
  constexpr unsigned long kCeph = 0x00c36400;
  constexpr unsigned long kLustre = 0x0bd00bd0;
  constexpr unsigned long kGpfs = 0x47504653;
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return true;
  switch (static_cast<unsigned long>(fs.f_type)) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case V9FS_MAGIC:
    case FUSE_SUPER_MAGIC:  // virtiofs too
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CODA_SUPER_MAGIC:
    case kVirtualBox:
    case kCeph:
    case kLustre:
    case kGpfs:
      return false;
    default:
      return true;
  }
}

std::string OwnMountInfo() {
  const UniqueFd file(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while (file.valid() &&
         (got = ::read(file.get(), buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

}  // namespace

std::string TypeOfMount(std::string_view mountinfo, uint64_t id) {
  for (const std::string_view line : absl::StrSplit(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = absl::StrSplit(line, ' ');
    uint64_t number = 0;
    if (!absl::SimpleAtoi(fields[0], &number) || number != id) continue;
    // After the optional fields, whose number varies.
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.end() - dash < 2) return "";
    return std::string(dash[1]);
  }
  return "";
}

void FileSystems::Meet(dev_t device, int fd) {
  const auto [known, is_new] = known_.try_emplace(device);
  if (!is_new) return;
  FileSystem& found = known->second;
  found.announces = AnnouncesByType(fd);
  found.announces_all = AnnouncesAll(fd);
  // By the mount: of btrfs no device is in mountinfo.
  struct statx stx = {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
              STATX_CTIME | STATX_MNT_ID, &stx) != 0 ||
      (stx.stx_mask & STATX_MNT_ID) == 0) {
    return;
  }
  found.type = TypeOfMount(OwnMountInfo(), stx.stx_mnt_id);
  found.seconds_only = stx.stx_ctime.tv_nsec == 0;
}

bool FileSystems::Announces(dev_t device, int fd) {
  Meet(device, fd);
  return known_[device].announces;
}

bool FileSystems::AnnouncesAll(int fd) {
  constexpr unsigned long kBcachefs = 0xca451a4e;
  constexpr unsigned long kZfs = 0x2fc12fc1;
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return false;
  switch (static_cast<unsigned long>(fs.f_type)) {
    case EXT4_SUPER_MAGIC:  // ext2 and ext3 too
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case RAMFS_MAGIC:
    case kBcachefs:
    case kZfs:
      return true;
    default:
      return false;
  }
}

bool FileSystems::AnnounceAll() const {
  return !strays_ &&
         std::all_of(known_.begin(), known_.end(), [](const auto& one) {
           return one.second.announces && one.second.announces_all;
         });
}

std::optional<std::string> FileSystems::Coarse(
    const KernelStamps& kernel) const {
  if (strays_) return "";
  for (const auto& [device, one] : known_) {
    if (!FineStamps(kernel, one.type, one.seconds_only)) return one.type;
  }
  return std::nullopt;
}

}  // namespace reinit
