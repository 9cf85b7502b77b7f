#include "supervisor/watch/filter/filter.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/fixed_array.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

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
    {"", ".pyc"},
    {"", ".pyo"},
    {"", "~"},             // backups
    {".#", ""},            // Emacs' locks
    {"#", "#"},            // and its auto-saves
    {"", "___jb_tmp___"},  // JetBrains' safe write
    {"", "___jb_old___"},
    {"", ".kate-swp"},
    {".goutputstream-", ""},  // GLib's safe write
    {".nfs", ""},             // open files removed over NFS
    // What SQLite keeps beside a database while it is in use.
    {"", ".db-shm"},
    {"", ".db-wal"},
    {"", ".db-journal"},
    {"", ".sqlite-shm"},
    {"", ".sqlite-wal"},
    {"", ".sqlite-journal"},
    {"", ".sqlite3-shm"},
    {"", ".sqlite3-wal"},
    {"", ".sqlite3-journal"},
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

// On the stack, unless it is very long.
class JoinedPath {
 public:
  JoinedPath(std::string_view place, std::string_view name)
      : bytes_(place.size() + name.size()) {
    std::copy(name.begin(), name.end(),
              std::copy(place.begin(), place.end(), bytes_.begin()));
  }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  absl::FixedArray<char, 512> bytes_;
};

bool MatchesAny(const std::vector<Glob>& globs, std::string_view path,
                bool is_directory) {
  return std::any_of(globs.begin(), globs.end(), [&](const Glob& glob) {
    return glob.Matches(path, is_directory);
  });
}

// Whether `pattern` is an absolute path below `root`.
bool LiesBelow(std::string_view pattern, std::string_view root) {
  return root.size() > 1 && absl::StartsWith(pattern, root) &&
         pattern.substr(root.size(), 1) == "/";
}

// For `root`; what lies below another one of `roots` alone is left out.
std::vector<Glob> CompileAll(const std::vector<std::string>& patterns,
                             std::string_view root,
                             const std::vector<std::string>& roots) {
  std::vector<Glob> all;
  for (const std::string& pattern : patterns) {
    const bool elsewhere = !LiesBelow(pattern, root) &&
                           std::any_of(roots.begin(), roots.end(),
                                       [&pattern](const std::string& other) {
                                         return LiesBelow(pattern, other);
                                       });
    if (elsewhere) continue;
    auto globs = Glob::Compile(pattern, root);
    if (!globs.ok()) continue;
    all.insert(all.end(), std::make_move_iterator(globs->begin()),
               std::make_move_iterator(globs->end()));
  }
  return all;
}

}  // namespace

Filter::Filter(const FilterOptions& options) : Filter(options, "", {}) {}

Filter::Filter(const FilterOptions& options, std::string_view root,
               const std::vector<std::string>& roots)
    : options_(options),
      restricted_(!options.extensions.empty() || !options.include.empty()),
      include_(CompileAll(options.include, root, roots)),
      exclude_(CompileAll(options.exclude, root, roots)),
      ignore_files_(options.ignore_files),
      defaults_(options.defaults) {
  for (const std::string& extension : options.extensions) {
    suffixes_.push_back(absl::StrCat(".", extension));
  }
}

Filter Filter::Below(std::string_view root,
                     const std::vector<std::string>& roots) const {
  return Filter(options_, root, roots);
}

Filter::Place Filter::PlaceOf(std::string path,
                              std::shared_ptr<const IgnoreRules> rules) const {
  Place place{std::move(path), std::move(rules)};
  if (include_.empty()) return place;
  const std::string_view all = place.path;
  for (size_t slash = all.find('/'); slash != std::string_view::npos;
       slash = all.find('/', slash + 1)) {
    if (!MatchesAny(include_, all.substr(0, slash), true)) continue;
    place.included = true;
    break;
  }
  return place;
}

bool Filter::EntersDirectory(const Place& place, std::string_view name) const {
  const JoinedPath path(place.path, name);
  if (MatchesAny(exclude_, path.view(), true)) return false;
  const bool left_out =
      (place.rules != nullptr && place.rules->Ignores(path.view(), true)) ||
      (defaults_ &&
       (Contains(kVersionControl, name) || Contains(kDirectories, name)));
  return !left_out || Names(path.view(), true);
}

bool Filter::WatchesFile(const Place& place, std::string_view name) const {
  const bool wanted = !restricted_ || place.included || HasExtension(name);
  // Most names end here.
  if (!wanted && include_.empty()) return false;
  const JoinedPath path(place.path, name);
  if (MatchesAny(exclude_, path.view(), false)) return false;
  if (!wanted && !MatchesAny(include_, path.view(), false)) return false;
  const bool left_out =
      (place.rules != nullptr && place.rules->Ignores(path.view(), false)) ||
      (defaults_ && (IsLitter(name) || Contains(kVersionControl, name)));
  return !left_out || Names(path.view(), false);
}

bool Filter::EntersEnvironment(const Place& place) const {
  if (!defaults_ || place.path.empty()) return true;
  return Names(absl::StripSuffix(place.path, "/"), true);
}

bool Filter::HasExtension(std::string_view name) const {
  return std::any_of(suffixes_.begin(), suffixes_.end(),
                     [name](const std::string& suffix) {
                       return absl::EndsWith(name, suffix);
                     });
}

bool Filter::Names(std::string_view path, bool is_directory) const {
  return std::any_of(include_.begin(), include_.end(), [&](const Glob& glob) {
    return glob.Names(path, is_directory);
  });
}

}  // namespace reinit
