#include "supervisor/watch/glob.h"

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

// `[:alpha:]` at `*at`, behind its bracket; moves behind it.
std::optional<bool> MatchesClass(std::string_view pattern, size_t* at, int c) {
  const size_t end = pattern.find(":]", *at + 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view name = pattern.substr(*at + 1, end - *at - 1);
  for (const CharacterClass& known : kClasses) {
    if (known.name != name) continue;
    *at = end + 2;
    return known.holds(c) != 0;
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
      const std::optional<bool> in_class = MatchesClass(pattern, &i, byte(c));
      if (!in_class.has_value()) return std::nullopt;
      found = found || *in_class;
      continue;
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
    found = found || (byte(low) <= byte(c) && byte(c) <= byte(high));
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

// What is wrong with one component; empty: nothing.
std::string_view WrongWith(std::string_view part) {
  for (size_t at = 0; at < part.size();) {
    const char p = part[at++];
    if (p == '\\' && at++ == part.size()) return "ends with a backslash";
    if (p == '[' && !MatchesSet(part, &at, 'a').has_value()) {
      return "has a [ without its ], or an unknown [:class:]";
    }
  }
  return "";
}

// `a{b,c}d` -> `abd`, `acd`, from the left; false: too many, or not closed.
bool ExpandBraces(std::string pattern, std::vector<std::string>* out) {
  std::vector<std::string> pending = {std::move(pattern)};
  while (!pending.empty()) {
    if (out->size() + pending.size() > kMaxAlternatives) return false;
    const std::string text = std::move(pending.back());
    pending.pop_back();
    size_t open = std::string::npos;
    std::vector<size_t> cuts;
    int depth = 0;
    size_t at = 0;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '\\') {
        ++at;
      } else if (c == '{' && depth++ == 0) {
        open = at;
      } else if (c == ',' && depth == 1) {
        cuts.push_back(at);
      } else if (c == '}' && depth > 0 && --depth == 0) {
        break;
      }
    }
    if (open == std::string::npos) {
      out->push_back(text);
      continue;
    }
    if (depth > 0) return false;
    cuts.push_back(at);
    size_t from = open + 1;
    const size_t first = pending.size();
    for (const size_t cut : cuts) {
      pending.insert(
          pending.begin() + static_cast<ptrdiff_t>(first),
          absl::StrCat(text.substr(0, open), text.substr(from, cut - from),
                       text.substr(at + 1)));
      from = cut + 1;
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
  for (const std::string_view part : absl::StrSplit(pattern, '/')) {
    if (!WrongWith(part).empty()) return std::nullopt;
    glob.parts_.emplace_back(part);
  }
  return glob;
}

absl::StatusOr<std::vector<Glob>> Glob::Compile(std::string_view pattern) {
  std::vector<std::string> expanded;
  if (!ExpandBraces(std::string(pattern), &expanded)) {
    return absl::InvalidArgumentError(
        absl::StrCat("has a { without its }, or stands for more than ",
                     kMaxAlternatives, " patterns"));
  }
  std::vector<Glob> globs;
  for (const std::string& text : expanded) {
    std::optional<Glob> glob = Parse(text);
    if (glob.has_value()) {
      globs.push_back(*std::move(glob));
      continue;
    }
    for (const std::string_view part : absl::StrSplit(text, '/')) {
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

bool Glob::Matches(std::string_view path, bool is_directory) const {
  if (directories_only_ && !is_directory) return false;
  if (!anchored_) return MatchesComponent(parts_[0], LastComponent(path));
  // The same as within a component, with `**` for a star.
  size_t part = 0;
  std::string_view rest = path;
  size_t after = std::string_view::npos;
  std::string_view behind;
  for (;;) {
    if (part < parts_.size() && parts_[part] == "**") {
      after = ++part;
      behind = rest;
      // At the end it stands for what is inside, of which there is some.
      if (part == parts_.size()) return !rest.empty();
      continue;
    }
    if (rest.empty()) return part == parts_.size();
    std::string_view next = rest;
    if (part < parts_.size() &&
        MatchesComponent(parts_[part], TakeFirst(&next))) {
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

bool Glob::LeadsInto(std::string_view directory) const {
  if (!anchored_) return false;
  std::string_view rest = directory;
  for (size_t part = 0; part + 1 < parts_.size(); ++part) {
    if (parts_[part] == "**") return false;
    if (!MatchesComponent(parts_[part], TakeFirst(&rest))) return false;
    if (rest.empty()) return true;
  }
  return false;
}

}  // namespace reinit
