// Which names inside a watched directory are looked at.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/watch/glob.h"
#include "supervisor/watch/ignore_rules.h"

namespace reinit {

// What the user asked for. A path that --watch names is never asked about, so
// it always wins. Below it, in this order:
//
//   1. What `exclude` matches is out, with all that is in it.
//   2. What `include` matches is in, and the way to it is open, even if 4 or 5
//      would leave it out.
//   3. With `include` or `extensions`, any other file without one of the
//      extensions is out.
//   4. What the .gitignore files below the root ignore is out (`ignore_files`).
//   5. Version control, caches, virtual environments (what holds a pyvenv.cfg)
//      and editor litter are out (`defaults`).
struct FilterOptions {
  std::vector<std::string> extensions = {};  // without the dot
  std::vector<std::string> include = {};     // globs that Glob::Compile takes
  std::vector<std::string> exclude = {};
  bool ignore_files = false;
  bool defaults = true;
};

// Decides about one name. Immutable; compiled once.
class Filter {
 public:
  // Where the name stands.
  struct Place {
    std::string path;  // below the root, with a slash at its end, or empty
    std::shared_ptr<const IgnoreRules> rules;  // with ignore_files, or null
  };

  // Globs that are wrong are left out: the command line has refused them.
  explicit Filter(const FilterOptions& options);

  bool EntersDirectory(const Place& place, std::string_view name) const;
  bool WatchesFile(const Place& place, std::string_view name) const;

  bool ignore_files() const { return ignore_files_; }
  bool defaults() const { return defaults_; }

 private:
  // A path is only put together where a pattern or rule wants it.
  bool needs_path(const Place& place) const {
    return !include_.empty() || !exclude_.empty() || place.rules != nullptr;
  }

  std::vector<std::string> suffixes_;  // with the dot
  std::vector<Glob> include_;
  std::vector<Glob> exclude_;
  const bool ignore_files_;
  const bool defaults_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_H_
