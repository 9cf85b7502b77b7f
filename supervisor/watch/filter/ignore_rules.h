// Decides what the .gitignore files of a tree leave out.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_IGNORE_RULES_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_IGNORE_RULES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/watch/filter/glob.h"

namespace reinit {

// The rules of one .gitignore on top of those of the directories above, as git
// has them: the last pattern that matches decides, the nearest file first, and
// what lies in an excluded directory is not asked about. Immutable, and shared
// by all directories below that have no file of their own.
class IgnoreRules {
 public:
  // `place` is the directory's path below the root, with a slash at its end,
  // or empty; `above` may be null. `prefix`, with a slash at its end, is the
  // path from the directory to the root where the directory is above that.
  IgnoreRules(std::string place, std::string_view text,
              std::shared_ptr<const IgnoreRules> above,
              std::string prefix = "");

  // `path` is below the root, in or under this directory.
  bool Ignores(std::string_view path, bool is_directory) const;

 private:
  struct Rule {
    Glob glob;
    bool negated;
  };
  const std::string place_;
  const std::string prefix_;
  const std::shared_ptr<const IgnoreRules> above_;
  std::vector<Rule> rules_;  // the last one first
};

// Rules for the directory behind `fd` that lies at `place`: those of its own
// .gitignore on top of `above`, or `above` where it has none that can be read.
std::shared_ptr<const IgnoreRules> ReadIgnoreRules(
    int fd, std::string place, std::shared_ptr<const IgnoreRules> above);

// What counts above a watched root within the same git repository: the
// .gitignore files up to the top of its working tree, and .git/info/exclude.
class RulesAboveRoot {
 public:
  // Looks for them, from the root's path upwards. None where there is no .git,
  // and where the root lies in what they leave out: the user has named it.
  explicit RulesAboveRoot(const std::string& root);

  // Of the files' names, times and sizes; 0 if there are none.
  uint64_t stamp() const { return stamp_; }
  // Null if there are none.
  std::shared_ptr<const IgnoreRules> Read() const;

 private:
  struct File {
    std::string path;
    std::string prefix;
  };
  std::vector<File> files_;  // the weakest first
  uint64_t stamp_ = 0;
};

inline constexpr char kIgnoreFile[] = ".gitignore";

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_IGNORE_RULES_H_
