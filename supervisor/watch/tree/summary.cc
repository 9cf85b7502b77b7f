#include "supervisor/watch/summary.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "supervisor/watch/compare.h"
#include "supervisor/watch/tree.h"

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

}  // namespace reinit
