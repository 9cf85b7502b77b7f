#include "supervisor/watch/tree/summary.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reaper/unique_fd.h"
#include "supervisor/watch/filter/compare.h"
#include "supervisor/watch/tree/file_systems.h"
#include "supervisor/watch/tree/stamp_clock.h"
#include "supervisor/watch/tree/tree.h"

namespace reinit {
namespace {

constexpr size_t kLargest = 3;
// Enough to see that a path was not meant.
constexpr size_t kMaxDirectories = 200'000;

std::string Count(size_t count, const char* what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

}  // namespace

std::vector<std::string> WatchSummary(const std::vector<std::string>& paths,
                                      const FilterOptions& filter) {
  std::vector<std::string> lines;
  for (const std::string& path : paths) {
    Tree tree({.roots = {path},
               .filter = Filter(filter),
               .compare = WatchCompare::kStamp,
               .max_directories = kMaxDirectories});
    tree.Scan();
    std::string line =
        absl::StrCat(path, ": ", tree.complete() ? "" : "more than ",
                     Count(tree.files(), "file"), " in ",
                     Count(tree.directories(), "folder"));
    const char* separator = ", most in ";
    for (const auto& [directory, files] : tree.LargestDirectories(kLargest)) {
      absl::StrAppend(&line, separator, directory, " (", files, ")");
      separator = ", ";
    }
    lines.push_back(std::move(line));
    for (std::string& warning : tree.TakeWarnings()) {
      lines.push_back(std::move(warning));
    }
  }
  return lines;
}

std::vector<std::string> StampSummary(const std::vector<std::string>& paths) {
  const KernelStamps kernel = KernelStamps::Ask();
  std::vector<std::string> lines;
  for (const std::string& path : paths) {
    const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    struct stat st;
    if (!fd.valid() || ::fstat(fd.get(), &st) != 0) continue;
    FileSystems met;
    met.Meet(st.st_dev, fd.get());
    const std::optional<std::string> coarse = met.Coarse(kernel);
    lines.push_back(coarse.has_value()
                        ? absl::StrCat(path, ": file stamps are coarse (",
                                       *coarse, ", Linux ", kernel.release,
                                       "): waits for 10ms at least")
                        : absl::StrCat(path, ": file stamps are fine-grained"));
  }
  return lines;
}

}  // namespace reinit
