#include "supervisor/run/environment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// No environment may be larger than what execve takes.
constexpr size_t kMaxFile = 2 << 20;

// Some editors begin a UTF-8 file with it; `docker run --env-file` skips it.
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view NameOf(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

// What is set over a base; of one name the last. Each step takes the same time
// however many there are: a file may have as many lines as it likes.
class Entries {
 public:
  void Set(std::string_view entry) {
    const auto [at, added] = places_.try_emplace(std::string(NameOf(entry)),
                                                 Place{entries_.size(), false});
    if (added) {
      entries_.emplace_back(entry);
    } else {
      entries_[at->second.index] = std::string(entry);
    }
  }

  std::vector<std::string> Over(const std::vector<std::string>& base) && {
    std::vector<std::string> result;
    result.reserve(base.size() + entries_.size());
    for (const std::string& entry : base) {
      const auto found = places_.find(NameOf(entry));
      if (found == places_.end()) {
        result.push_back(entry);
      } else if (!std::exchange(found->second.taken, true)) {
        result.push_back(entries_[found->second.index]);
      }
    }
    for (std::string& entry : entries_) {
      const auto found = places_.find(NameOf(entry));
      if (!found->second.taken) result.push_back(std::move(entry));
    }
    return result;
  }

 private:
  struct Place {
    size_t index;
    bool taken;  // stands in the result
  };
  std::vector<std::string> entries_;
  absl::flat_hash_map<std::string, Place> places_;  // by name
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return absl::ErrnoToStatus(errno, path);
  struct stat info = {};
  if (::fstat(file.get(), &info) == 0 &&
      (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode))) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": a pipe cannot be read again at each start; write a file"));
  }
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0) return absl::ErrnoToStatus(errno, path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > kMaxFile) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": too large for an environment"));
    }
  }
}

constexpr std::string_view kBlanks = " \t\v\f\r";

std::string_view SkipBlanks(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

// What a line sets; empty: nothing.
absl::StatusOr<std::string_view> ParseLine(std::string_view line) {
  absl::ConsumeSuffix(&line, "\r");
  line = SkipBlanks(line);
  if (line.empty() || line[0] == '#') return std::string_view();
  constexpr std::string_view kExport = "export";
  if (line.size() > kExport.size() && absl::StartsWith(line, kExport) &&
      kBlanks.find(line[kExport.size()]) != std::string_view::npos) {
    line = SkipBlanks(line.substr(kExport.size()));
  }
  if (absl::StrContains(line, '\0')) {
    return absl::InvalidArgumentError(
        "has a NUL byte, which no variable can hold");
  }
  const size_t equals = line.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return absl::InvalidArgumentError("not KEY=value");
  }
  const absl::Status name = CheckEntryName(line);
  if (!name.ok()) return name;
  return line;
}

absl::Status AddFile(const std::string& path, Entries* entries) {
  const absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  std::string_view text = *content;
  absl::ConsumePrefix(&text, kByteOrderMark);
  int number = 0;
  for (const std::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::StatusOr<std::string_view> entry = ParseLine(line);
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", entry.status().message()));
    }
    if (!entry->empty()) entries->Set(*entry);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> MakeEnvironment(
    const std::vector<std::string>& base, const std::vector<std::string>& files,
    const std::vector<std::string>& entries) {
  Entries over;
  for (const std::string& path : files) {
    const absl::Status added = AddFile(path, &over);
    if (!added.ok()) return added;
  }
  for (const std::string& entry : entries) over.Set(entry);
  return std::move(over).Over(base);
}

std::vector<std::string> OverlayEntries(
    const std::vector<std::string>& base,
    const std::vector<std::string>& entries) {
  Entries over;
  for (const std::string& entry : entries) over.Set(entry);
  return std::move(over).Over(base);
}

absl::Status CheckEntryName(std::string_view entry) {
  const std::string_view name = NameOf(entry);
  if (name.find_first_of(kBlanks) == std::string_view::npos) {
    return absl::OkStatus();
  }
  // What comes after the blank may be a secret.
  constexpr size_t kMostShown = 64;
  const size_t shown = std::min(name.find_first_of(kBlanks), kMostShown);
  return absl::InvalidArgumentError(
      absl::StrCat("the name '", name.substr(0, shown),
                   "...' has a blank; write KEY=value"));
}

std::string PackEntries(const std::vector<std::string>& entries) {
  std::string packed;
  for (const std::string& entry : entries) {
    packed.append(entry.c_str());
    packed.push_back('\0');
  }
  return packed;
}

std::vector<std::string> UnpackEntries(std::string_view packed) {
  std::vector<std::string> entries;
  while (!packed.empty()) {
    const size_t end = std::min(packed.find('\0'), packed.size() - 1);
    entries.emplace_back(packed.substr(0, end));
    packed.remove_prefix(end + 1);
  }
  return entries;
}

}  // namespace reinit
