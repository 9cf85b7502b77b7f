// Command lines and variables, one word a line; REINIT_... are variables. A
// vertical tab stands for a newline in a word.
#include "cmd/command_line.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "cmd/line_promises.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinit::AsText(data, size));
  // argv and environ have no NUL in them.
  text = text.substr(0, text.find('\0'));
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::vector<std::string_view> words;
  std::vector<std::string_view> variables;
  for (std::string& line : lines) {
    std::replace(line.begin(), line.end(), '\v', '\n');
    (absl::StartsWith(line, "REINIT_") ? variables : words).push_back(line);
  }
  reinit::CommandLineContext context;
  context.on_terminal = size % 2 == 1;
  const std::string broken = reinit::BrokenPromise(
      reinit::ParseCommandLine(words, variables, context));
  reinit::Require(broken.empty(), broken.c_str());
  reinit::ParseFlagVariables(variables);
  return 0;
}
