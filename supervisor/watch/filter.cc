#include "supervisor/watch/filter.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// A submodule or a second worktree has .git as a file, hence for both kinds.
constexpr std::string_view kVersionControl[] = {".git", ".hg",    ".svn",
                                                ".bzr", "_darcs", "CVS"};

constexpr std::string_view kDirectories[] = {
    "__pycache__",   "node_modules", ".venv",       ".tox",  ".mypy_cache",
    ".pytest_cache", ".ruff_cache",  ".hypothesis", ".idea",
};

struct Litter {
  std::string_view prefix;
  std::string_view suffix;
};

constexpr Litter kLitter[] = {
    {"", ".pyc"},         {"", ".pyo"}, {"", "~"},  // backups
    {".#", ""},                                     // Emacs' locks
    {"#", "#"},                                     // and its auto-saves
    {"", "___jb_tmp___"},                           // JetBrains' safe write
    {"", "___jb_old___"}, {".nfs", ""},  // open files removed over NFS
};

// vim's test whether it may create files, and macOS' folder settings.
constexpr std::string_view kLitterNames[] = {"4913", ".DS_Store"};

// .*.sw?
bool IsVimSwap(std::string_view name) {
  return name.size() >= 5 && name.front() == '.' &&
         name.substr(name.size() - 4, 3) == ".sw";
}

template <typename Table>
bool Contains(const Table& table, std::string_view name) {
  return std::find(std::begin(table), std::end(table), name) != std::end(table);
}

bool IsLitter(std::string_view name) {
  if (IsVimSwap(name) || Contains(kLitterNames, name)) return true;
  return std::any_of(
      std::begin(kLitter), std::end(kLitter), [name](const Litter& litter) {
        return name.size() >= litter.prefix.size() + litter.suffix.size() &&
               absl::StartsWith(name, litter.prefix) &&
               absl::EndsWith(name, litter.suffix);
      });
}

}  // namespace

Filter::Filter(const std::vector<std::string>& extensions) {
  for (const std::string& extension : extensions) {
    suffixes_.push_back(absl::StrCat(".", extension));
  }
}

bool Filter::EntersDirectory(std::string_view name) const {
  return !Contains(kVersionControl, name) && !Contains(kDirectories, name);
}

bool Filter::WatchesFile(std::string_view name) const {
  const bool wanted =
      suffixes_.empty() || std::any_of(suffixes_.begin(), suffixes_.end(),
                                       [name](const std::string& suffix) {
                                         return absl::EndsWith(name, suffix);
                                       });
  return wanted && !IsLitter(name) && !Contains(kVersionControl, name);
}

}  // namespace reinit
