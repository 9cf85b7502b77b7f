#include "supervisor/environment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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

void Set(std::string_view entry, std::vector<std::string>* environment) {
  const std::string_view name = entry.substr(0, entry.find('=') + 1);
  bool there = false;
  for (std::string& existing : *environment) {
    if (std::string_view(existing).substr(0, name.size()) != name) continue;
    existing = std::string(entry);
    there = true;
  }
  if (!there) environment->emplace_back(entry);
}

}  // namespace

absl::StatusOr<std::vector<std::string>> MakeEnvironment(
    const std::vector<std::string>& base, const std::vector<std::string>& files,
    const std::vector<std::string>& entries) {
  std::vector<std::string> result = base;
  for (const std::string& path : files) {
    const absl::StatusOr<std::string> content = ReadFile(path);
    if (!content.ok()) return content.status();
    std::string_view text = *content;
    absl::ConsumePrefix(&text, kByteOrderMark);
    int number = 0;
    for (std::string_view line : absl::StrSplit(text, '\n')) {
      ++number;
      absl::ConsumeSuffix(&line, "\r");
      if (line.empty() || line[0] == '#') continue;
      const size_t equals = line.find('=');
      if (equals == 0 || equals == std::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ":", number, ": not KEY=value"));
      }
      Set(line, &result);
    }
  }
  return OverlayEntries(std::move(result), entries);
}

std::vector<std::string> OverlayEntries(
    std::vector<std::string> base, const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) Set(entry, &base);
  return base;
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
