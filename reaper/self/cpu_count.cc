#include "reaper/self/cpu_count.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

// More mounts than any container has.
constexpr size_t kMostBytes = 8 << 20;

// More CPUs than the kernel can be built for.
constexpr int kMostCpus = 1 << 20;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, path);
  std::string content;
  char buffer[4096];
  ssize_t got = 0;
  do {
    got = ::read(file, buffer, sizeof(buffer));
    if (got > 0) content.append(buffer, static_cast<size_t>(got));
  } while (got > 0 && content.size() < kMostBytes);
  const int error = errno;
  ::close(file);
  if (got < 0) return absl::ErrnoToStatus(error, path);
  if (got == 0) return content;
  return absl::InvalidArgumentError(absl::StrCat(path, ": too large"));
}

// Where the cgroup of this process is in its hierarchy.
struct Membership {
  bool v1 = false;
  std::string path;
};

// A line is `ID:CONTROLLERS:PATH`. The cpu controller is in one hierarchy: a
// named one of v1, or that of v2, which has no name.
std::optional<Membership> ParseMembership(std::string_view text) {
  std::optional<Membership> found;
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "/")) continue;
    const std::vector<std::string_view> names = absl::StrSplit(parts[1], ',');
    if (std::find(names.begin(), names.end(), "cpu") != names.end()) {
      return Membership{true, std::string(parts[2])};
    }
    if (parts[0] == "0" && parts[1].empty()) {
      found = Membership{false, std::string(parts[2])};
    }
  }
  return found;
}

struct Mount {
  std::string root;  // the cgroup that is mounted
  std::string point;
};

// Blanks and the like are octal numbers in mountinfo: \040.
std::string Unescaped(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits =
        text.substr(std::min(i + 1, text.size()), 3);
    const bool octal = text[i] == '\\' && digits.size() == 3 &&
                       std::all_of(digits.begin(), digits.end(),
                                   [](char c) { return c >= '0' && c <= '7'; });
    if (!octal) {
      result += text[i];
      continue;
    }
    result += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 +
                                (digits[2] - '0'));
    i += digits.size();
  }
  return result;
}

// `ID PARENT DEV ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS`
std::optional<Mount> ParseMount(std::string_view line, bool v1) {
  const std::pair<std::string_view, std::string_view> halves =
      absl::StrSplit(line, absl::MaxSplits(" - ", 1));
  const std::vector<std::string_view> place = absl::StrSplit(halves.first, ' ');
  const std::vector<std::string_view> kind = absl::StrSplit(halves.second, ' ');
  if (place.size() < 6 || kind.size() < 3) return std::nullopt;
  if (kind[0] != (v1 ? "cgroup" : "cgroup2")) return std::nullopt;
  if (v1) {
    const std::vector<std::string_view> names = absl::StrSplit(kind[2], ',');
    if (std::find(names.begin(), names.end(), "cpu") == names.end()) {
      return std::nullopt;
    }
  }
  return Mount{Unescaped(place[3]), Unescaped(place[4])};
}

// The way down from the mounted cgroup to this process's one: "" or "/a/b".
// Nothing if that is not below it.
std::optional<std::string_view> WayDown(const Mount& mount,
                                        std::string_view path) {
  if (absl::StrContains(path, "/..")) return std::nullopt;
  absl::ConsumeSuffix(&path, "/");
  std::string_view root = mount.root;
  absl::ConsumeSuffix(&root, "/");
  if (!absl::ConsumePrefix(&path, root)) return std::nullopt;
  if (!path.empty() && path.front() != '/') return std::nullopt;
  return path;
}

absl::Status Unclear(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": has no quota that can be understood"));
}

// As the kernel writes it: two words, or two files.
absl::StatusOr<double> Quotient(const std::string& path, std::string_view quota,
                                std::string_view period) {
  int64_t part = 0;
  int64_t whole = 0;
  if (!absl::SimpleAtoi(quota, &part) || !absl::SimpleAtoi(period, &whole) ||
      part <= 0 || whole <= 0) {
    return Unclear(path);
  }
  return static_cast<double>(part) / static_cast<double>(whole);
}

absl::StatusOr<double> QuotaV2(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/cpu.max");
  const absl::StatusOr<std::string> text = ReadFile(path);
  // The topmost cgroup has no such file, nor has one without the controller.
  if (absl::IsNotFound(text.status())) return kNoQuota;
  if (!text.ok()) return text.status();
  const std::vector<std::string_view> words =
      absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  if (words.size() != 2) return Unclear(path);
  if (words[0] == "max") return kNoQuota;
  return Quotient(path, words[0], words[1]);
}

absl::StatusOr<double> QuotaV1(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/cpu.cfs_quota_us");
  const absl::StatusOr<std::string> quota = ReadFile(path);
  if (absl::IsNotFound(quota.status())) return kNoQuota;
  if (!quota.ok()) return quota.status();
  if (absl::StripAsciiWhitespace(*quota) == "-1") return kNoQuota;
  const absl::StatusOr<std::string> period =
      ReadFile(absl::StrCat(folder, "/cpu.cfs_period_us"));
  if (!period.ok()) return period.status();
  return Quotient(path, *quota, *period);
}

// From this process's cgroup up to the mounted one.
absl::StatusOr<double> SmallestQuota(const std::string& root,
                                     const Mount& mount, std::string_view way,
                                     bool v1) {
  const std::string top =
      absl::StrCat(root, mount.point == "/" ? "" : mount.point);
  if (::access(absl::StrCat(top, way).c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat(mount.point, way));
  }
  double smallest = kNoQuota;
  for (;;) {
    const std::string folder = absl::StrCat(top, way);
    absl::StatusOr<double> quota = v1 ? QuotaV1(folder) : QuotaV2(folder);
    if (!quota.ok()) return quota;
    smallest = std::min(smallest, *quota);
    if (way.empty()) return smallest;
    way = way.substr(0, way.rfind('/'));
  }
}

std::string Cpus(double number) {
  return absl::StrCat(number, number == 1 ? " CPU" : " CPUs");
}

}  // namespace

int CpusByAffinity() {
  // The mask must have room for all CPUs of the machine.
  for (int room = CPU_SETSIZE; room <= kMostCpus; room *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<size_t>(room));
    if (set == nullptr) return 1;
    const size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(room));
    const bool done = ::sched_getaffinity(0, size, set) == 0;
    const int error = errno;
    const int count = done ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (done) return std::max(count, 1);
    if (error != EINVAL) break;
  }
  return 1;
}

absl::StatusOr<double> ReadCpuQuota(const std::string& root) {
  const auto cgroup = ReadFile(absl::StrCat(root, "/proc/self/cgroup"));
  if (!cgroup.ok()) return cgroup.status();
  const std::optional<Membership> mine = ParseMembership(*cgroup);
  if (!mine.has_value()) {
    return absl::NotFoundError("/proc/self/cgroup: names no cgroup for CPUs");
  }
  const auto mounts = ReadFile(absl::StrCat(root, "/proc/self/mountinfo"));
  if (!mounts.ok()) return mounts.status();
  absl::StatusOr<double> best = absl::NotFoundError(
      absl::StrCat("cgroup ", mine->path, " is not mounted here"));
  for (const std::string_view line : absl::StrSplit(*mounts, '\n')) {
    const std::optional<Mount> mount = ParseMount(line, mine->v1);
    if (!mount.has_value()) continue;
    const auto way = WayDown(*mount, mine->path);
    if (!way.has_value()) continue;
    const auto quota = SmallestQuota(root, *mount, *way, mine->v1);
    // Another mount may show more of the cgroups above.
    if (quota.ok() && (!best.ok() || *quota < *best)) best = quota;
    if (!quota.ok() && !best.ok()) best = quota;
  }
  return best;
}

CpuCount CountCpus(const absl::StatusOr<double>& quota, int by_affinity) {
  CpuCount result;
  result.count = by_affinity;
  const std::string affinity = absl::StrCat(Cpus(by_affinity), " by affinity");
  if (!quota.ok()) {
    result.reason = affinity;
    result.warning =
        absl::StrCat("cannot read the CPU quota of the cgroup (",
                     quota.status().message(), "); it counts ", affinity);
  } else if (*quota == kNoQuota) {
    result.reason = absl::StrCat(affinity, ", no cgroup quota");
  } else {
    const double whole = std::max(std::ceil(*quota), 1.0);
    if (whole < by_affinity) result.count = static_cast<int>(whole);
    result.reason = absl::StrCat(Cpus(*quota), " by cgroup quota, ",
                                 by_affinity, " by affinity");
  }
  return result;
}

}  // namespace reinit
