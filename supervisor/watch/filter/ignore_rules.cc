#include "supervisor/watch/filter/ignore_rules.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// Much more than anybody writes; the rest of a larger one does not count.
constexpr size_t kMaxSize = 1 << 20;

// Nothing: it cannot be read.
std::optional<std::string> ReadText(int at, const char* name, int flags) {
  const UniqueFd file(
      ::openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags));
  if (!file.valid()) return std::nullopt;
  std::string text(kMaxSize, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got =
        ::read(file.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

// Of the repository whose .git this is; empty: it is none. A worktree and a
// submodule have a file there that names the folder, and a worktree's folder
// names the one that is common to all.
std::string ExcludeFile(const std::string& git) {
  constexpr std::string_view kExclude = "/info/exclude";
  struct stat st;
  if (::stat(git.c_str(), &st) != 0) return "";
  if (S_ISDIR(st.st_mode)) return absl::StrCat(git, kExclude);
  const auto from = [](std::string_view base, std::string_view path) {
    path = absl::StripAsciiWhitespace(path);
    return absl::StartsWith(path, "/") ? std::string(path)
                                       : absl::StrCat(base, "/", path);
  };
  const std::optional<std::string> text = ReadText(AT_FDCWD, git.c_str(), 0);
  if (!text.has_value()) return "";
  std::string_view folder = *text;
  if (!absl::ConsumePrefix(&folder, "gitdir:")) return "";
  const std::string found =
      from(std::string_view(git).substr(0, git.rfind('/')), folder);
  const std::optional<std::string> common =
      ReadText(AT_FDCWD, absl::StrCat(found, "/commondir").c_str(), 0);
  return absl::StrCat(common.has_value() ? from(found, *common) : found,
                      kExclude);
}

}  // namespace

IgnoreRules::IgnoreRules(std::string place, std::string_view text,
                         std::shared_ptr<const IgnoreRules> above,
                         std::string prefix)
    : place_(std::move(place)),
      prefix_(std::move(prefix)),
      above_(std::move(above)) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");  // a byte order mark
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    bool negated = false;
    std::optional<Glob> glob = Glob::FromIgnoreLine(line, &negated);
    if (glob.has_value()) rules_.push_back({*std::move(glob), negated});
  }
  std::reverse(rules_.begin(), rules_.end());
}

bool IgnoreRules::Ignores(std::string_view path, bool is_directory) const {
  for (const IgnoreRules* at = this; at != nullptr; at = at->above_.get()) {
    std::string_view below = path.substr(at->place_.size());
    std::string from_above;
    if (!at->prefix_.empty()) {
      from_above = absl::StrCat(at->prefix_, below);
      below = from_above;
    }
    for (const Rule& rule : at->rules_) {
      if (rule.glob.Matches(below, is_directory)) return !rule.negated;
    }
  }
  return false;
}

std::shared_ptr<const IgnoreRules> ReadIgnoreRules(
    int fd, std::string place, std::shared_ptr<const IgnoreRules> above) {
  // git does not follow a link here either.
  const std::optional<std::string> text = ReadText(fd, kIgnoreFile, O_NOFOLLOW);
  if (!text.has_value()) return above;
  return std::make_shared<const IgnoreRules>(std::move(place), *text,
                                             std::move(above));
}

RulesAboveRoot::RulesAboveRoot(const std::string& root) {
  char real[PATH_MAX];
  if (::realpath(root.c_str(), real) == nullptr) return;
  // From the root upwards: the nearest first.
  std::string path = real;
  std::string prefix;
  for (;;) {
    const std::string at = path == "/" ? "" : path;
    // That of the root itself is read with all that is in it.
    if (!prefix.empty()) files_.push_back({at + "/" + kIgnoreFile, prefix});
    const std::string exclude = ExcludeFile(at + "/.git");
    if (!exclude.empty()) {
      files_.push_back({exclude, prefix});
      break;
    }
    if (at.empty()) {  // no repository
      files_.clear();
      break;
    }
    const size_t slash = path.rfind('/');
    prefix = absl::StrCat(path.substr(slash + 1), "/", prefix);
    path = slash == 0 ? "/" : path.substr(0, slash);
  }
  std::reverse(files_.begin(), files_.end());
  for (const File& file : files_) {
    struct stat st;
    const bool there = ::stat(file.path.c_str(), &st) == 0;
    for (const int64_t part :
         {there ? int64_t{st.st_mtim.tv_sec} : 0,
          there ? int64_t{st.st_mtim.tv_nsec} : 0,
          there ? int64_t{st.st_size} : -1, int64_t(file.prefix.size())}) {
      stamp_ = (stamp_ ^ static_cast<uint64_t>(part)) * 0x9fb21c651e98df25ULL;
      stamp_ = (stamp_ ^ (stamp_ >> 32)) + 1;
    }
  }
}

std::shared_ptr<const IgnoreRules> RulesAboveRoot::Read() const {
  std::shared_ptr<const IgnoreRules> rules;
  for (const File& file : files_) {
    const auto text = ReadText(AT_FDCWD, file.path.c_str(), 0);
    if (!text.has_value()) continue;
    rules = std::make_shared<const IgnoreRules>("", *text, std::move(rules),
                                                file.prefix);
    // Whether it leaves out the root, or a folder that the root is in.
    const IgnoreRules alone("", *text, nullptr);
    for (size_t slash = file.prefix.find('/'); slash != std::string::npos;
         slash = file.prefix.find('/', slash + 1)) {
      if (alone.Ignores(file.prefix.substr(0, slash), true)) return nullptr;
    }
  }
  return rules;
}

}  // namespace reinit
