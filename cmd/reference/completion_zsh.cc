#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cmd/flags/flag_choices.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"
#include "cmd/reference/completion.h"

namespace reinit {
namespace {

constexpr std::string_view kTop =
    R"(#compdef reinit
# Completion of reinit for zsh. Written by `tools/bazel run //cmd/reference:flag_docs`; do not edit.
# Put it into a folder of $fpath.

# Words, of which those that end with : or / are only the beginning of a value.
_reinit_words() {
  local -a whole=() begun=()
  local word
  for word in "$@"; do
    if [[ $word == *[:/] ]]; then begun+=("$word"); else whole+=("$word"); fi
  done
  compadd -a whole
  compadd -S '' -a begun
}

_reinit_first() {
  local -a subcommands=(
)";

constexpr std::string_view kMiddle = R"(  )
  _alternative 'subcommands:subcommand:{_describe -t subcommands subcommand subcommands}' \
    'commands:command:_command_names -e'
}

_reinit_rest() {
  case $words[1] in
    probe) _arguments -S )";

constexpr std::string_view kSpecs = R"( '1:URL:_reinit_words )";

constexpr std::string_view kCtl = R"(' ;;
    ctl)
      _arguments -S '--json[answer as JSON]' '--now[stop\: kill at once]' '--ready[wait\: until it is ready]' \
        '--wait[restart, reload, scale\: until it is done]' '--timeout=[of waiting\: at most so long]:D: ' \
        '--control=[the socket of reinit]:PATH:_files' '--worker=[restart\: only this worker]:N: ' \
        '1:what:_reinit_words status restart reload stop signal scale wait' '2:signal:_reinit_words )";

constexpr std::string_view kRest = R"(' ;;
    self-install) _arguments '1:folder:_files -/' ;;
    listen-exec)
      shift words; ((CURRENT--))
      if [[ $words[1] == -- ]] && ((CURRENT > 1)); then shift words; ((CURRENT--)); fi
      _normal
      ;;
    *) _normal ;;
  esac
}

_arguments -S : \
)";

constexpr std::string_view kEnd = R"(  '(-)1:command:_reinit_first' \
  '(-)*::argument:_reinit_rest'
)";

// Within single quotes and the brackets of a specification.
std::string Description(std::string_view text) {
  text = text.substr(0, text.find(';'));
  return absl::StrReplaceAll(
      text, {{"'", "'\\''"}, {"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}});
}

std::string Placeholder(std::string_view text) {
  return absl::StrReplaceAll(text, {{":", "\\:"}, {"'", "'\\''"}});
}

std::string Action(const Flag& flag) {
  const FlagChoices choices = ChoicesOf(flag);
  switch (choices.kind) {
    case FlagChoices::Kind::kNone:
      return " ";
    case FlagChoices::Kind::kWords:
      return absl::StrCat("_reinit_words ",
                          absl::StrReplaceAll(absl::StrJoin(choices.words, " "),
                                              {{":", "\\:"}}));
    case FlagChoices::Kind::kFile:
      return "_files";
    case FlagChoices::Kind::kDirectory:
      return "_files -/";
    case FlagChoices::Kind::kCommand:
      return "_command_names -e";
    case FlagChoices::Kind::kUser:
      return "_users";
  }
  return "";
}

// '--watch=[reload when …]:PATH:_files'
std::string Spec(const Flag& flag) {
  const std::string text = absl::StrCat("[", Description(flag.help), "]");
  const std::string value =
      absl::StrCat(":", Placeholder(flag.placeholder), ":", Action(flag));
  switch (flag.type) {
    case FlagType::kSwitch:
      break;
    case FlagType::kOptionalValue:
      return absl::StrCat("'--", flag.name, "=-", text, ":", value, "'");
    case FlagType::kValue:
      return absl::StrCat("'--", flag.name, "=", text, value, "'");
    case FlagType::kRepeated:
      return absl::StrCat("'*--", flag.name, "=", text, value, "'");
  }
  if (flag.Has(kNoVariable)) return absl::StrCat("'--", flag.name, text, "'");
  return absl::StrCat("'(--no-", flag.name, ")--", flag.name, text, "' '(--",
                      flag.name, ")--no-", flag.name, "[not]'");
}

std::string WordsOf(std::string_view placeholder) {
  for (const Flag& flag : FlagTable()) {
    if (flag.placeholder != placeholder) continue;
    return absl::StrReplaceAll(absl::StrJoin(ChoicesOf(flag).words, " "),
                               {{":", "\\:"}});
  }
  return "";
}

}  // namespace

std::string ZshCompletion() {
  std::string out(kTop);
  for (const Subcommand& one : Subcommands()) {
    absl::StrAppend(&out, "    '", one.word, ":", Description(one.help), "'\n");
  }
  out += kMiddle;
  for (const Flag& flag : FlagTable()) {
    if (flag.Has(kForProbe))
      absl::StrAppend(&out, "\\\n      ", Spec(flag), " ");
  }
  absl::StrAppend(&out, "\\\n     ", kSpecs, WordsOf("URL"), kCtl,
                  WordsOf("SIG"), kRest);
  for (const Flag& flag : FlagTable()) {
    absl::StrAppend(&out, "  ", Spec(flag), " \\\n");
  }
  out += kEnd;
  return out;
}

}  // namespace reinit
