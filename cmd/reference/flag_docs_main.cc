// Writes what is generated from the flag table below docs/:
// `tools/bazel run //cmd/reference:flag_docs`.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cmd/reference/flag_docs.h"

int main() {
  // Bazel starts it elsewhere.
  const char* const top = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (top != nullptr && ::chdir(top) != 0) {
    std::perror(top);
    return 1;
  }
  for (const reinit::FlagDocument& document : reinit::FlagDocuments()) {
    std::FILE* const file = std::fopen(document.path.c_str(), "w");
    if (file == nullptr || std::fputs(document.text.c_str(), file) < 0 ||
        std::fclose(file) != 0) {
      std::perror(document.path.c_str());
      return 1;
    }
  }
  return 0;
}
