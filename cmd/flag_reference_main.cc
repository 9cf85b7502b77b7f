// Writes docs/flags.md to stdout: `tools/bazel run //cmd:flag_reference`.
#include <cstdio>
#include <string>

#include "cmd/flag_reference.h"

int main() {
  const std::string text = reinit::FlagReference();
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  return written && std::fflush(stdout) == 0 ? 0 : 1;
}
