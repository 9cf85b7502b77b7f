// What can stand behind `=`, for shells that complete it. The names of the
// words that a setter takes; a test gives each of them to it.
#ifndef REINIT_CMD_FLAG_CHOICES_H_
#define REINIT_CMD_FLAG_CHOICES_H_

#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cmd/flag_table.h"

namespace reinit {

struct FlagChoices {
  enum class Kind { kNone, kWords, kFile, kDirectory, kCommand, kUser };
  Kind kind = Kind::kNone;
  // kWords; one that ends with `:` or `/` is the beginning of a value.
  std::vector<std::string_view> words;
};

FlagChoices ChoicesOf(const Flag& flag);

// What counts as a subcommand if it is the first operand.
struct Subcommand {
  std::string_view word;
  std::string_view operands;
  std::string_view help;
};
absl::Span<const Subcommand> Subcommands();

}  // namespace reinit

#endif  // REINIT_CMD_FLAG_CHOICES_H_
