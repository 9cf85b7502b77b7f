#include "cmd/flags/flag_choices.h"

#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/reload_values.h"
#include "supervisor/probe/target.h"

namespace reinit {
namespace {

using Kind = FlagChoices::Kind;

constexpr std::string_view kSignals =
    "HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT";

// Where the placeholder only names the set.
constexpr std::string_view kWordsOf[][2] = {
    {"health-on-failure", "restart|exit|none|signal:"},
    {"control", "auto|off|/"},
    {"help", "all"},
    {"listen", "tcp://|unix:/|fd:"},
    {"listen-env",
     "systemd|nginx|server-starter|php-fpm|unicorn|einhorn|gunicorn|all"},
    {"log-level", "error|warning|info|debug"},
    {"restart", "no|on-failure|on-abnormal|always|on-failure:"},
    {"workers", "auto"},
    {"watch-mode", "auto|inotify|poll|mtime|hash"},
};

// Before the URLs that --ready takes.
constexpr std::string_view kReadyWords = "exec|notify|accept|delay:|fd:";

std::vector<std::string_view> Split(std::string_view words) {
  return absl::StrSplit(words, '|');
}

std::vector<std::string_view> Urls() {
  std::vector<std::string_view> words;
  for (const ProbeScheme& scheme : ProbeSchemes()) {
    words.push_back(scheme.begins);
  }
  return words;
}

std::vector<std::string_view> ReadyWords() {
  std::vector<std::string_view> words = Split(kReadyWords);
  for (const ProbeScheme& scheme : ProbeSchemes()) {
    if (scheme.not_for_ready.empty()) words.push_back(scheme.begins);
  }
  return words;
}

std::vector<std::string_view> ActionWords() {
  std::vector<std::string_view> words;
  for (const ChangeActionForm& form : ChangeActionForms()) {
    words.push_back(form.word);
  }
  return words;
}

}  // namespace

FlagChoices ChoicesOf(const Flag& flag) {
  if (flag.name == "on-change") return {Kind::kWords, ActionWords()};
  if (flag.name == "ready") return {Kind::kWords, ReadyWords()};
  for (const auto& [name, words] : kWordsOf) {
    if (flag.name == name) return {Kind::kWords, Split(words)};
  }
  const std::string_view placeholder = flag.placeholder;
  if (placeholder == "SIG") return {Kind::kWords, Split(kSignals)};
  if (placeholder == "URL") return {Kind::kWords, Urls()};
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

}  // namespace reinit
