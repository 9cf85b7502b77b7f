#include "supervisor/value/words.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace reinit {
namespace {

// One pass over the command, one word at a time.
class Splitter {
 public:
  explicit Splitter(std::string_view command) : rest_(command) {}

  // Appends every word to `words`; returns what is wrong, or "".
  std::string_view Run(std::vector<std::string>& words) {
    while (SkipBlanks()) {
      if (std::string_view problem = ReadWord(); !problem.empty()) {
        return problem;
      }
      words.push_back(std::exchange(word_, std::string()));
    }
    return "";
  }

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

  // False at the end. A backslash and a newline between words are nothing at
  // all in a shell, so they must not begin an empty word.
  bool SkipBlanks() {
    while (!rest_.empty()) {
      if (IsBlank(rest_.front())) {
        rest_.remove_prefix(1);
      } else if (rest_.substr(0, 2) == "\\\n") {
        rest_.remove_prefix(2);
      } else {
        return true;
      }
    }
    return false;
  }

  std::string_view ReadWord() {
    while (!rest_.empty() && !IsBlank(rest_.front())) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      std::string_view problem;
      if (c == '\'') {
        problem = ReadSingleQuoted();
      } else if (c == '"') {
        problem = ReadDoubleQuoted();
      } else if (c == '\\') {
        problem = ReadEscaped();
      } else {
        word_.push_back(c);
      }
      if (!problem.empty()) return problem;
    }
    return "";
  }

  std::string_view ReadSingleQuoted() {
    const size_t end = rest_.find('\'');
    if (end == std::string_view::npos) return "a ' quote is not closed";
    word_.append(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return "";
  }

  std::string_view ReadDoubleQuoted() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return "";
      // Between double quotes a backslash is itself before any other character.
      constexpr std::string_view kEscapable = "$`\"\\\n";
      if (c == '\\' && !rest_.empty() &&
          kEscapable.find(rest_.front()) != std::string_view::npos) {
        (void)ReadEscaped();
      } else {
        word_.push_back(c);
      }
    }
    return "a \" quote is not closed";
  }

  std::string_view ReadEscaped() {
    if (rest_.empty()) return "it ends in a backslash";
    if (rest_.front() != '\n') word_.push_back(rest_.front());
    rest_.remove_prefix(1);
    return "";
  }

  std::string_view rest_;
  std::string word_;
};

absl::Status Refused(std::string_view command, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      "command \"", absl::Utf8SafeCHexEscape(command), "\": ", why));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view command) {
  // exec would silently cut the word there.
  if (command.find('\0') != std::string_view::npos) {
    return Refused(command, "it holds a NUL byte");
  }
  std::vector<std::string> words;
  const std::string_view problem = Splitter(command).Run(words);
  if (!problem.empty()) return Refused(command, problem);
  if (words.empty()) return Refused(command, "it is empty");
  if (words.front().empty()) {
    return Refused(command, "the program's name is empty");
  }
  return words;
}

}  // namespace reinit
