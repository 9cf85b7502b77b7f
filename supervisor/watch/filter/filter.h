// Decides which names inside a watched directory are looked at.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_FILTER_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_FILTER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/watch/filter/glob.h"
#include "supervisor/watch/filter/ignore_rules.h"

namespace reinit {

// What the user asked for. A path that --watch names is never asked about, so
// it always wins. Below it the first of these that applies decides:
//
//   1. What `exclude` matches is out, with all that is in it.
//   2. With `include` or `extensions`, a file that neither has one of the
//      extensions nor is, or lies in, what `include` matches is out.
//   3. What `include` names without wildcards is in: `.env`, and for
//      `.venv/lib/**` the directories .venv and .venv/lib.
//   4. What the .gitignore files below the root ignore is out, with all that is
//      in it (`ignore_files`).
//   5. Version control, caches, virtual environments (what holds a pyvenv.cfg)
//      and editor litter are out, with all that is in them (`defaults`).
//   6. The rest is in.
//
// Wildcards bring nothing back, since `src/**` and `*.py` do not mean src/.git
// and the lock of an editor, .#a.py.
struct FilterOptions {
  std::vector<std::string> extensions = {};  // without the dot
  std::vector<std::string> include = {};     // globs that Glob::Compile takes
  std::vector<std::string> exclude = {};
  bool ignore_files = false;
  bool defaults = true;
};

// Decides about one name. Immutable; compiled once; allocates nothing for a
// name as long as its path is not longer than 512 bytes.
class Filter {
 public:
  // A directory, made by PlaceOf.
  struct Place {
    std::string path;  // below the root, with a slash at its end, or empty
    std::shared_ptr<const IgnoreRules> rules;  // with ignore_files, or null
    bool included = false;  // `include` matches it, or one that it lies in
  };

  // Globs that are wrong are left out: the command line has refused them.
  explicit Filter(const FilterOptions& options);

  // The same for one of the watched `roots`: a glob that is an absolute path
  // below `root` is anchored there, and one below another root is left out. All
  // are absolute and end with no slash.
  Filter Below(std::string_view root,
               const std::vector<std::string>& roots) const;

  Place PlaceOf(std::string path,
                std::shared_ptr<const IgnoreRules> rules) const;

  bool EntersDirectory(const Place& place, std::string_view name) const;
  bool WatchesFile(const Place& place, std::string_view name) const;

  // Whether anything in this directory, which holds a pyvenv.cfg, counts.
  bool EntersEnvironment(const Place& place) const;

  bool ignore_files() const { return ignore_files_; }

 private:
  Filter(const FilterOptions& options, std::string_view root,
         const std::vector<std::string>& roots);
  bool HasExtension(std::string_view name) const;
  bool Names(std::string_view path, bool is_directory) const;

  const FilterOptions options_;
  // Some globs may be left out here, which leaves no more in.
  const bool restricted_;
  std::vector<std::string> suffixes_;  // with the dot
  std::vector<Glob> include_;
  std::vector<Glob> exclude_;
  const bool ignore_files_;
  const bool defaults_;
};

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_FILTER_H_
