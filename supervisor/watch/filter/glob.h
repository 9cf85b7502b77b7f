// Matches paths against patterns, as in .gitignore.
#ifndef REINIT_SUPERVISOR_WATCH_FILTER_GLOB_H_
#define REINIT_SUPERVISOR_WATCH_FILTER_GLOB_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace reinit {

// One pattern, matched against paths relative to the directory that it belongs
// to (a watched root, or where a .gitignore lies). git's rules: `*`, `?` and
// `[a-z]` within a component, `**` over components, `\` escapes; with a slash
// at the beginning or inside it is anchored, else it matches the last component
// at any depth; with a slash at the end it matches directories only. Bytes, not
// characters. Immutable. Matching allocates nothing, and takes time in
// proportion to the product of the two lengths at worst, whatever the pattern.
class Glob {
 public:
  // For what users write. Adds braces: `*.{py,html}` is two patterns. A `./` at
  // the beginning does not count, and `//` is one slash. With `root`, an
  // absolute path without a slash at its end, an alternative that begins with
  // it is anchored there. The error says what is wrong with the pattern, such
  // as that it can never match.
  static absl::StatusOr<std::vector<Glob>> Compile(std::string_view pattern,
                                                   std::string_view root = "");
  // A line of a .gitignore, without braces; nothing if it says nothing or never
  // matches anything. `negated` is whether it began with `!`.
  static std::optional<Glob> FromIgnoreLine(std::string_view line,
                                            bool* negated);

  bool Matches(std::string_view path, bool is_directory) const;

  // Whether the pattern, or the beginning of it for a directory, matches this
  // path and spells its last component out, without wildcards: `.env` names
  // x/.env, and `.venv/lib/**` names .venv and .venv/lib but nothing in there.
  bool Names(std::string_view path, bool is_directory) const;

 private:
  struct Part {
    std::string text;
    bool literal;
    bool Matches(std::string_view name) const;
  };
  static std::optional<Glob> Parse(std::string_view pattern);
  bool PartsMatch(size_t count, std::string_view path) const;

  std::vector<Part> parts_;  // between slashes; `**` is one
  bool anchored_ = false;
  bool directories_only_ = false;
};

// Whether `name`, which holds no slash, matches one component of a pattern.
bool MatchesComponent(std::string_view pattern, std::string_view name);

}  // namespace reinit

#endif  // REINIT_SUPERVISOR_WATCH_FILTER_GLOB_H_
