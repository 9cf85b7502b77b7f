#include "supervisor/watch/ignore_rules.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "reaper/unique_fd.h"

namespace reinit {
namespace {

// Much more than anybody writes; the rest of a larger one does not count.
constexpr size_t kMaxSize = 1 << 20;

}  // namespace

IgnoreRules::IgnoreRules(std::string place, std::string_view text,
                         std::shared_ptr<const IgnoreRules> above)
    : place_(std::move(place)), above_(std::move(above)) {
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
    const std::string_view below = path.substr(at->place_.size());
    for (const Rule& rule : at->rules_) {
      if (rule.glob.Matches(below, is_directory)) return !rule.negated;
    }
  }
  return false;
}

std::shared_ptr<const IgnoreRules> ReadIgnoreRules(
    int fd, std::string place, std::shared_ptr<const IgnoreRules> above) {
  // git does not follow a link here either.
  const UniqueFd file(::openat(fd, kIgnoreFile,
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return above;
  std::string text(kMaxSize, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got =
        ::read(file.get(), text.data() + size, text.size() - size);
    if (got <= 0) break;
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return std::make_shared<const IgnoreRules>(std::move(place), text,
                                             std::move(above));
}

}  // namespace reinit
