// Patterns: the first line is a path, the second what a user writes, and the
// rest a .gitignore, which whoever may write to a watched folder brings along.
#include "supervisor/watch/filter/glob.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_split.h"
#include "supervisor/watch/filter/ignore_rules.h"
#include "tests/fuzz/require.h"

namespace reinit {
namespace {

// The first line, and what is behind it.
std::pair<std::string_view, std::string_view> Cut(std::string_view text) {
  return absl::StrSplit(text, absl::MaxSplits('\n', 1));
}

void Check(std::string_view bytes) {
  const auto [path, more] = Cut(bytes);
  const auto [pattern, ignore] = Cut(more);
  const auto globs = Glob::Compile(pattern);
  if (globs.ok()) {
    Require(!globs->empty(), "a pattern is one at least");
    for (const Glob& glob : *globs) {
      const bool file = glob.Matches(path, /*is_directory=*/false);
      const bool directory = glob.Matches(path, /*is_directory=*/true);
      Require(directory || !file, "what matches files matches directories");
      glob.Names(path, /*is_directory=*/true);
    }
  } else {
    Require(!globs.status().message().empty(), "an error says something");
  }
  const IgnoreRules rules("", ignore, nullptr);
  rules.Ignores(path, /*is_directory=*/false);
  rules.Ignores(path, /*is_directory=*/true);
}

}  // namespace
}  // namespace reinit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  reinit::Check(reinit::AsText(data, size));
  return 0;
}
