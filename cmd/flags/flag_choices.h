// Lists what can follow `=`, for shells that complete it: the words that a
// setter takes. A test gives each word to its setter.
#ifndef REINIT_CMD_FLAGS_FLAG_CHOICES_H_
#define REINIT_CMD_FLAGS_FLAG_CHOICES_H_

#include <string_view>
#include <vector>

#include "cmd/flags/flag_table.h"

namespace reinit {

struct FlagChoices {
  enum class Kind { kNone, kWords, kFile, kDirectory, kCommand, kUser };
  Kind kind = Kind::kNone;
  // kWords; one that ends with `:` or `/` is the beginning of a value.
  std::vector<std::string_view> words;
};

FlagChoices ChoicesOf(const Flag& flag);

}  // namespace reinit

#endif  // REINIT_CMD_FLAGS_FLAG_CHOICES_H_
