#include "cmd/flag_choices.h"

#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "cmd/flag_table.h"

namespace reinit {
namespace {

using Kind = FlagChoices::Kind;

constexpr std::string_view kSignals =
    "HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT";

// Where the placeholder only names the set. A URL has a table of its own.
constexpr std::string_view kWordsOf[][2] = {
    {"health-on-failure", "restart|exit|none|signal:"},
    {"control", "auto|off|/"},
    {"help", "all"},
    {"listen", "tcp://|unix:/|fd:"},
    {"listen-env",
     "systemd|nginx|server-starter|php-fpm|unicorn|einhorn|gunicorn|all"},
    {"log-level", "error|warning|info|debug"},
    {"on-change", "restart|exit|none|signal:|http:|exec:"},
    {"ready", "exec|notify|accept|delay:|fd:|http://|tcp://|grpc://"},
    {"restart", "no|on-failure|on-abnormal|always|on-failure:"},
    {"watch-mode", "auto|inotify|poll|mtime|hash"},
};

constexpr std::string_view kUrls =
    "http://|http+unix:///|tcp://|unix:///|grpc://|file:/|exec:|stall:";

std::vector<std::string_view> Split(std::string_view words) {
  return absl::StrSplit(words, '|');
}

constexpr Subcommand kSubcommands[] = {
    {"probe", "URL", "one health check: exit status 0 or 1"},
    {"listen-exec", "-- COMMAND [ARG...]",
     "become COMMAND, with LISTEN_PID set to this process: for wrapper "
     "scripts between reinit and a server"},
    {"ctl", "status|restart|reload|stop|signal SIG|wait",
     "see and steer a running reinit: docs/control.md"},
    {"self-install", "DIR",
     "copy this binary to DIR/reinit: for an initContainer"},
};

}  // namespace

FlagChoices ChoicesOf(const Flag& flag) {
  for (const auto& [name, words] : kWordsOf) {
    if (flag.name == name) return {Kind::kWords, Split(words)};
  }
  const std::string_view placeholder = flag.placeholder;
  if (placeholder == "SIG") return {Kind::kWords, Split(kSignals)};
  if (placeholder == "URL") return {Kind::kWords, Split(kUrls)};
  if (placeholder == "PATH") return {Kind::kFile, {}};
  if (placeholder == "DIR") return {Kind::kDirectory, {}};
  if (placeholder == "CMD") return {Kind::kCommand, {}};
  if (absl::StartsWith(placeholder, "USER")) return {Kind::kUser, {}};
  // auto|mtime|hash: the placeholder is the set.
  if (absl::StrContains(placeholder, '|')) {
    return {Kind::kWords, Split(placeholder)};
  }
  return {};
}

absl::Span<const Subcommand> Subcommands() { return kSubcommands; }

}  // namespace reinit
