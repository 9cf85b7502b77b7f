#include "supervisor/watch/filter.h"

#include <algorithm>
#include <iterator>
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

bool MatchesAny(const std::vector<Glob>& globs, std::string_view path,
                bool is_directory) {
  return std::any_of(globs.begin(), globs.end(), [&](const Glob& glob) {
    return glob.Matches(path, is_directory);
  });
}

std::vector<Glob> CompileAll(const std::vector<std::string>& patterns) {
  std::vector<Glob> all;
  for (const std::string& pattern : patterns) {
    auto globs = Glob::Compile(pattern);
    if (!globs.ok()) continue;
    all.insert(all.end(), std::make_move_iterator(globs->begin()),
               std::make_move_iterator(globs->end()));
  }
  return all;
}

}  // namespace

Filter::Filter(const FilterOptions& options)
    : include_(CompileAll(options.include)),
      exclude_(CompileAll(options.exclude)),
      ignore_files_(options.ignore_files),
      defaults_(options.defaults) {
  for (const std::string& extension : options.extensions) {
    suffixes_.push_back(absl::StrCat(".", extension));
  }
}

bool Filter::EntersDirectory(const Place& place, std::string_view name) const {
  if (needs_path(place)) {
    const std::string path = absl::StrCat(place.path, name);
    if (MatchesAny(exclude_, path, /*is_directory=*/true)) return false;
    if (MatchesAny(include_, path, /*is_directory=*/true)) return true;
    if (std::any_of(include_.begin(), include_.end(),
                    [&](const Glob& glob) { return glob.LeadsInto(path); })) {
      return true;
    }
    if (place.rules != nullptr && place.rules->Ignores(path, true))
      return false;
  }
  return !defaults_ ||
         (!Contains(kVersionControl, name) && !Contains(kDirectories, name));
}

bool Filter::WatchesFile(const Place& place, std::string_view name) const {
  const auto has_extension = [&] {
    return std::any_of(suffixes_.begin(), suffixes_.end(),
                       [name](const std::string& suffix) {
                         return absl::EndsWith(name, suffix);
                       });
  };
  const bool restricted = !suffixes_.empty() || !include_.empty();
  // Before a path is put together: most names end here.
  if (include_.empty() && restricted && !has_extension()) return false;
  if (needs_path(place)) {
    const std::string path = absl::StrCat(place.path, name);
    if (MatchesAny(exclude_, path, /*is_directory=*/false)) return false;
    if (MatchesAny(include_, path, /*is_directory=*/false)) return true;
    if (restricted && !has_extension()) return false;
    if (place.rules != nullptr && place.rules->Ignores(path, false)) {
      return false;
    }
  }
  return !defaults_ || (!IsLitter(name) && !Contains(kVersionControl, name));
}

}  // namespace reinit
