#include "supervisor/watch/filter/glob.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace reinit {
namespace {

constexpr size_t kMaxAlternatives = 256;

struct CharacterClass {
  std::string_view name;
  int (*holds)(int);
};
constexpr CharacterClass kClasses[] = {
    {"alnum", std::isalnum}, {"alpha", std::isalpha}, {"blank", std::isblank},
    {"cntrl", std::iscntrl}, {"digit", std::isdigit}, {"graph", std::isgraph},
    {"lower", std::islower}, {"print", std::isprint}, {"punct", std::ispunct},
    {"space", std::isspace}, {"upper", std::isupper}, {"xdigit", std::isxdigit},
};

// Nothing: there is no such class.
std::optional<bool> InClass(std::string_view name, int c) {
  for (const CharacterClass& known : kClasses) {
    if (known.name == name) return known.holds(c) != 0;
  }
  return std::nullopt;
}

// The set that begins behind the `[` before `*at`; moves behind its `]`.
// Nothing: it has no end, or names an unknown class.
std::optional<bool> MatchesSet(std::string_view pattern, size_t* at, char c) {
  const auto byte = [](char b) { return static_cast<unsigned char>(b); };
  size_t i = *at;
  const bool negated =
      i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (negated) ++i;
  bool found = false;
  for (bool first = true; i < pattern.size(); first = false) {
    char low = pattern[i++];
    if (low == ']' && !first) {
      *at = i;
      return found != negated;
    }
    if (low == '[' && i < pattern.size() && pattern[i] == ':') {
      const size_t end = pattern.find(']', i + 1);
      if (end == std::string_view::npos) return std::nullopt;
      // Else it is a bracket like any other byte.
      if (end > i + 1 && pattern[end - 1] == ':') {
        const auto in_class =
            InClass(pattern.substr(i + 1, end - i - 2), byte(c));
        if (!in_class.has_value()) return std::nullopt;
        found = found || *in_class;
        i = end + 1;
        continue;
      }
    }
    if (low == '\\') {
      if (i == pattern.size()) return std::nullopt;
      low = pattern[i++];
    }
    char high = low;
    if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
      high = pattern[++i];
      if (high == '\\' && ++i == pattern.size()) return std::nullopt;
      high = pattern[i++];
    }
    // Its beginning also of a range that is upside down, as git has it.
    found =
        found || c == low || (byte(low) <= byte(c) && byte(c) <= byte(high));
  }
  return std::nullopt;
}

// One element of a component that is no star, against one byte; moves behind
// it. False too if the pattern is broken there, which then never matches.
bool MatchesOne(std::string_view pattern, size_t* at, char c) {
  const char p = pattern[(*at)++];
  if (p == '?') return true;
  if (p == '[') return MatchesSet(pattern, at, c).value_or(false);
  if (p != '\\') return p == c;
  return *at < pattern.size() && pattern[(*at)++] == c;
}

// Moves behind the set that begins behind the `[` before `*at`; false: none.
bool SkipSet(std::string_view pattern, size_t* at) {
  return MatchesSet(pattern, at, 'a').has_value();
}

// Components of a pattern. A slash in a set divides nothing, as in git.
std::vector<std::string> Split(std::string_view pattern) {
  std::vector<std::string> parts(1);
  for (size_t at = 0; at < pattern.size();) {
    const size_t from = at++;
    if (pattern[from] == '\\' && at < pattern.size() && pattern[at++] == '/') {
      parts.emplace_back();
      continue;
    }
    if (pattern[from] == '/') {
      parts.emplace_back();
      continue;
    }
    if (pattern[from] == '[') SkipSet(pattern, &at);
    parts.back().append(pattern.substr(from, at - from));
  }
  return parts;
}

// What is wrong with one component; empty: nothing.
std::string_view WrongWith(std::string_view part) {
  for (size_t at = 0; at < part.size();) {
    const char p = part[at++];
    if (p == '\\' && at++ == part.size()) return "ends with a backslash";
    if (p == '[' && !SkipSet(part, &at)) {
      return "has a [ without its ], or an unknown [:class:]";
    }
  }
  return "";
}

// The first group in braces: where each alternative of it ends, from its `{` to
// its `}`. Empty: there is none; without a last `}`: it is not closed.
std::vector<size_t> FindBraces(std::string_view text) {
  std::vector<size_t> cuts;
  int depth = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at++;
    const char c = text[here];
    if (c == '\\') ++at;
    if (c == '[') SkipSet(text, &at);
    if (c == '{' && depth++ == 0) cuts.push_back(here);
    if (c == ',' && depth == 1) cuts.push_back(here);
    if (c == '}' && depth > 0 && --depth == 0) {
      cuts.push_back(here);
      break;
    }
  }
  return cuts;
}

// Whether there is a comma that neither braces nor a set hold, nor a backslash
// escapes.
bool HasBareComma(std::string_view text) {
  // A name like {a,b}, spelled out.
  if (absl::StrContains(text, "\\{")) return false;
  int depth = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c == '\\') ++at;
    if (c == '[') SkipSet(text, &at);
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (c == ',' && depth == 0) return true;
  }
  return false;
}

// What the whole pattern has that keeps it from matching anything; or nothing.
std::string_view WhyNever(std::string_view pattern) {
  if (absl::StartsWith(pattern, "!")) {
    return "begins with !, which only .gitignore files know; use "
           "--watch-include and --watch-exclude, or \\! for a name that "
           "begins so";
  }
  if (HasBareComma(pattern)) {
    return "has a comma outside of braces; give the flag once for each "
           "pattern, write {a,b}, or \\, for a comma in a name";
  }
  return "";
}

// One alternative as written by a user, without what paths below a root never
// have at their beginning.
std::string_view Below(std::string_view root, std::string_view pattern) {
  if (!root.empty() && absl::StartsWith(pattern, root) &&
      pattern.substr(root.size(), 1) == "/") {
    pattern.remove_prefix(root.size());
  }
  while (absl::ConsumePrefix(&pattern, "./")) {
  }
  return pattern;
}

// `a{b,c}d` -> `abd`, `acd`, from the left; false: too many, or not closed.
bool ExpandBraces(std::string pattern, std::vector<std::string>* out) {
  std::vector<std::string> pending = {std::move(pattern)};
  while (!pending.empty()) {
    if (out->size() + pending.size() > kMaxAlternatives) return false;
    const std::string text = std::move(pending.back());
    pending.pop_back();
    const std::vector<size_t> cuts = FindBraces(text);
    if (cuts.empty()) {
      out->push_back(text);
      continue;
    }
    if (text[cuts.back()] != '}') return false;
    // The last one first, as it is taken last.
    for (size_t i = cuts.size() - 1; i > 0; --i) {
      const size_t from = cuts[i - 1] + 1;
      pending.push_back(absl::StrCat(text.substr(0, cuts.front()),
                                     text.substr(from, cuts[i] - from),
                                     text.substr(cuts.back() + 1)));
    }
  }
  return true;
}

// Components of a path from its end; for walking without a copy.
std::string_view TakeFirst(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view first = path->substr(0, slash);
  *path = slash == std::string_view::npos ? std::string_view()
                                          : path->substr(slash + 1);
  return first;
}

std::string_view LastComponent(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

// After a mismatch only the last star can take in more: what an earlier one
// could, the last can as well.
bool MatchesComponent(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;
  size_t behind_star = 0;
  for (;;) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      behind_star = n;
      continue;
    }
    if (n == name.size()) return p == pattern.size();
    if (p < pattern.size() && MatchesOne(pattern, &p, name[n])) {
      ++n;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    n = ++behind_star;
  }
}

std::optional<Glob> Glob::Parse(std::string_view pattern) {
  Glob glob;
  glob.directories_only_ = absl::ConsumeSuffix(&pattern, "/");
  glob.anchored_ = absl::StrContains(pattern, '/');
  absl::ConsumePrefix(&pattern, "/");
  if (pattern.empty()) return std::nullopt;
  for (std::string& part : Split(pattern)) {
    if (!WrongWith(part).empty()) return std::nullopt;
    const bool literal = part.find_first_of("*?[\\") == std::string::npos;
    glob.parts_.push_back({std::move(part), literal});
  }
  return glob;
}

absl::StatusOr<std::vector<Glob>> Glob::Compile(std::string_view pattern,
                                                std::string_view root) {
  if (const std::string_view never = WhyNever(pattern); !never.empty()) {
    return absl::InvalidArgumentError(never);
  }
  std::vector<std::string> expanded;
  if (!ExpandBraces(std::string(pattern), &expanded)) {
    return absl::InvalidArgumentError(
        absl::StrCat("has a { without its }, or stands for more than ",
                     kMaxAlternatives, " patterns"));
  }
  std::vector<Glob> globs;
  for (std::string& whole : expanded) {
    // As in paths, where several slashes mean one.
    whole.erase(
        std::unique(whole.begin(), whole.end(),
                    [](char a, char b) { return a == '/' && b == '/'; }),
        whole.end());
    const std::string_view text = Below(root, whole);
    std::optional<Glob> glob = Parse(text);
    if (glob.has_value()) {
      for (const Part& part : glob->parts_) {
        if (part.text != "." && part.text != "..") continue;
        return absl::InvalidArgumentError(
            "has a component . or .., so it never matches; write the path "
            "below the watched folder");
      }
      globs.push_back(*std::move(glob));
      continue;
    }
    for (const std::string& part : Split(text)) {
      const std::string_view wrong = WrongWith(part);
      if (!wrong.empty()) return absl::InvalidArgumentError(wrong);
    }
    return absl::InvalidArgumentError("matches nothing");
  }
  return globs;
}

std::optional<Glob> Glob::FromIgnoreLine(std::string_view line, bool* negated) {
  absl::ConsumeSuffix(&line, "\r");
  // Blanks at the end do not count, unless the first of them is escaped.
  while (!line.empty() && line.back() == ' ') {
    size_t backslashes = 0;
    while (backslashes + 1 < line.size() &&
           line[line.size() - 2 - backslashes] == '\\') {
      ++backslashes;
    }
    if (backslashes % 2 == 1) break;
    line.remove_suffix(1);
  }
  if (absl::StartsWith(line, "#")) return std::nullopt;
  *negated = absl::ConsumePrefix(&line, "!");
  return Parse(line);
}

bool Glob::Part::Matches(std::string_view name) const {
  return literal ? text == name : MatchesComponent(text, name);
}

// The first `count` components against the whole path. The same as within a
// component, with `**` for a star.
bool Glob::PartsMatch(size_t count, std::string_view path) const {
  if (!anchored_) return parts_[0].Matches(LastComponent(path));
  size_t part = 0;
  std::string_view rest = path;
  size_t after = std::string_view::npos;
  std::string_view behind;
  for (;;) {
    if (part < count && parts_[part].text == "**") {
      after = ++part;
      behind = rest;
      // At the end it stands for what is inside, of which there is some.
      if (part == count) return !rest.empty();
      continue;
    }
    if (rest.empty()) return part == count;
    std::string_view next = rest;
    if (part < count && parts_[part].Matches(TakeFirst(&next))) {
      ++part;
      rest = next;
      continue;
    }
    if (after == std::string_view::npos) return false;
    TakeFirst(&behind);
    if (behind.empty()) return false;
    part = after;
    rest = behind;
  }
}

bool Glob::Matches(std::string_view path, bool is_directory) const {
  if (directories_only_ && !is_directory) return false;
  return PartsMatch(parts_.size(), path);
}

bool Glob::Names(std::string_view path, bool is_directory) const {
  if (parts_.back().literal && Matches(path, is_directory)) return true;
  if (!is_directory) return false;
  for (size_t count = 1; count < parts_.size(); ++count) {
    if (parts_[count - 1].literal && PartsMatch(count, path)) return true;
  }
  return false;
}

}  // namespace reinit
