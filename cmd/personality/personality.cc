#include "cmd/personality/personality.h"

#include <utility>

#include "cmd/personality/catatonit.h"
#include "cmd/personality/dumb_init.h"
#include "cmd/personality/tini.h"

namespace reinit {
namespace {

struct Personality {
  std::string_view name;
  PersonalityParser parser;
};

constexpr Personality kPersonalities[] = {
    {"tini", ParseTini},
    {"tini-static", ParseTini},
    {"docker-init", ParseTini},  // where `docker run --init` mounts it
    {"dumb-init", ParseDumbInit},
    {"catatonit", ParseCatatonit},
    {"podman-init", ParseCatatonit},  // where `podman run --init` mounts it
};

}  // namespace

PersonalityLine PrintAndExit(std::string to_stdout, std::string to_stderr,
                             int exit_code) {
  PersonalityLine line;
  line.action = PersonalityLine::Action::kPrint;
  line.to_stdout = std::move(to_stdout);
  line.to_stderr = std::move(to_stderr);
  line.exit_code = exit_code;
  return line;
}

std::string_view BaseName(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

PersonalityParser FindPersonality(std::string_view argv0) {
  for (const Personality& one : kPersonalities) {
    if (one.name == BaseName(argv0)) return one.parser;
  }
  return nullptr;
}

}  // namespace reinit
