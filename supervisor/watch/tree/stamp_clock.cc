#include "supervisor/watch/tree/stamp_clock.h"

#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/tree/stamp.h"

namespace reinit {
namespace {

// Those with FS_MGTIME in the release below. Not ext2 and ext3, which ext4's
// code mounts without it.
constexpr std::string_view kTypes[] = {"ext4", "xfs", "btrfs", "tmpfs"};
constexpr std::pair<int, int> kSince = {6, 13};
// On a coarse clock all but one or two of them fall within a tick.
constexpr int kChanges = 32;

std::pair<int, int> Version(std::string_view release) {
  const std::vector<std::string_view> parts =
      absl::StrSplit(release, absl::ByAnyChar(".-+"));
  std::pair<int, int> version;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &version.first) ||
      !absl::SimpleAtoi(parts[1], &version.second)) {
    return {0, 0};
  }
  return version;
}

}  // namespace

bool FineStamps(const KernelStamps& kernel, std::string_view type,
                bool seconds_only) {
  return kernel.differ && !seconds_only && Version(kernel.release) >= kSince &&
         std::find(std::begin(kTypes), std::end(kTypes), type) !=
             std::end(kTypes);
}

bool StampsDiffer(absl::FunctionRef<bool()> change,
                  absl::FunctionRef<bool(struct stat*)> look) {
  struct stat st;
  if (!look(&st)) return false;
  for (int i = 0; i < kChanges; ++i) {
    const uint64_t before = StampOf(st);
    if (!change() || !look(&st) || StampOf(st) == before) return false;
  }
  return true;
}

KernelStamps KernelStamps::Ask() {
  KernelStamps kernel;
  struct utsname name;
  if (::uname(&name) == 0) kernel.release = name.release;
  if (Version(kernel.release) < kSince) return kernel;
  const UniqueFd fd(::memfd_create("reinit-stamps", MFD_CLOEXEC));
  const auto change = [&fd] { return ::pwrite(fd.get(), "x", 1, 0) == 1; };
  const auto look = [&fd](struct stat* st) {
    return ::fstat(fd.get(), st) == 0;
  };
  kernel.differ = fd.valid() && change() && StampsDiffer(change, look);
  return kernel;
}

}  // namespace reinit
