#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cmd/flags/flag_choices.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"
#include "cmd/reference/completion.h"

namespace reinit {
namespace {

constexpr std::string_view kTop =
    R"(# Completion of reinit for bash. Written by `tools/bazel run //cmd/reference:flag_docs`; do not edit.
# Put it at /usr/share/bash-completion/completions/reinit, or source it.

# How the value of a flag is completed: words with | between them, or @file, @dir, @command, @user; @none for any other
# value. Fails for a flag that takes none.
_reinit_values() {
  case $1 in
)";

// Behind the table.
constexpr std::string_view kBody = R"(    *) return 1 ;;
  esac
}

# Candidates for $2, which is taken the way that $1 says.
_reinit_candidates() {
  local word
  case $1 in
    @file) compopt -o filenames 2>/dev/null; compgen -f -- "$2" ;;
    @dir) compopt -o filenames 2>/dev/null; compgen -d -- "$2" ;;
    @command) compgen -c -- "$2" ;;
    @user) compgen -u -- "$2" ;;
    @*) ;;
    *)
      # Signals: any number of them may stand behind a colon.
      [[ $2 == signal:* && $1 == *signal:* ]] && set -- "signal:${_reinit_signals//|/|signal:}" "$2"
      compgen -W "${1//|/ }" -- "$2"
      ;;
  esac
}

_reinit() {
  local words=() at=() rest=$COMP_LINE word i start=0 pending='' how value prefix='' candidate
  COMPREPLY=()
  # Bash breaks words at = and : too: put them together again, as the program gets them.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
      rest=${rest#"${rest%%[![:blank:]]*}"}
      words+=("$word") at+=("$i")
    else
      words[${#words[@]} - 1]+=$word
    fi
    rest=${rest#"$word"}
  done
  local last=$((${#words[@]} - 1))
  local cur=${words[last]}

  # Flags end at -- or at the first word that is none.
  for ((i = 1; i < last; i++)); do
    word=${words[i]}
    case $word in
      --) start=$((i + 1)); break ;;
      --*=*) ;;
      --*)
        [[ $word == --help ]] || ! _reinit_values "${word//_/-}" >/dev/null && continue
        ((i + 1 == last)) && pending=$word
        ((i++))
        ;;
      *) start=$i; break ;;
    esac
  done

  if ((start && start < last)) && [[ ${words[start - 1]} != -- ]]; then
    case ${words[start]} in
      probe)
        if [[ $cur == -* ]]; then
          start=0
        else
          pending=--health start=0
        fi
        ;;
      self-install) pending=@dir start=0 ;;
      ctl)
        pending=@none
        if [[ $cur == -* ]]; then
          pending='=--json|--now|--ready|--wait|--worker|--timeout|--control'
        elif ((last == start + 1)); then
          pending='=status|restart|reload|stop|signal|scale|wait'
        elif [[ ${words[last - 1]} == signal ]]; then
          pending="=$_reinit_signals"
        fi
        start=0
        ;;
      listen-exec)
        start=$((start + 1))
        [[ ${words[start]} == -- ]] && ((start < last)) && start=$((start + 1))
        ;;
    esac
  fi
  if ((start && start < last)); then
    # The command's own business.
    if declare -F _command_offset >/dev/null; then
      _command_offset "${at[start]}"
    else
      compopt -o default 2>/dev/null
    fi
    return
  fi

  if ((start)); then
    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    return
  fi
  if [[ -z $pending && $cur == --*=* ]]; then
    pending=${cur%%=*} value=${cur#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=$pending=
  else
    value=$cur
  fi
  if [[ -n $pending ]]; then
    how=${pending#=}
    [[ $pending == [@=]* ]] || how=$(_reinit_values "${pending//_/-}") || return
    # Bash replaces only what stands behind the last colon.
    local behind=''
    [[ $value == *:* && $COMP_WORDBREAKS == *:* ]] && behind=${value%"${value##*:}"}
    while IFS= read -r candidate; do
      COMPREPLY+=("$prefix${candidate#"$behind"}")
    done < <(_reinit_candidates "$how" "$value")
    # A command within another: what the subshell above said is lost.
    case $how in @file | @dir) compopt -o filenames 2>/dev/null ;; esac
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:/] ]] && compopt -o nospace 2>/dev/null
    return
  fi
  if [[ $cur == -* ]]; then
    local flags=$_reinit_flags
    [[ ${words[1]} == probe ]] && ((last > 1)) && flags=$_reinit_probe_flags
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$_reinit_subcommands" -- "$cur"; compgen -c -- "$cur")
}

complete -F _reinit reinit
)";

bool TakesValue(const Flag& flag) { return flag.type != FlagType::kSwitch; }

std::string How(const Flag& flag) {
  const FlagChoices choices = ChoicesOf(flag);
  switch (choices.kind) {
    case FlagChoices::Kind::kNone:
      return "@none";
    case FlagChoices::Kind::kWords:
      return absl::StrJoin(choices.words, "|");
    case FlagChoices::Kind::kFile:
      return "@file";
    case FlagChoices::Kind::kDirectory:
      return "@dir";
    case FlagChoices::Kind::kCommand:
      return "@command";
    case FlagChoices::Kind::kUser:
      return "@user";
  }
  return "";
}

// `--watch= --clear --no-clear `, of those with this trait.
std::string Names(unsigned trait) {
  std::string out;
  for (const Flag& flag : FlagTable()) {
    if (trait != 0 && !flag.Has(trait)) continue;
    const bool needs =
        TakesValue(flag) && flag.type != FlagType::kOptionalValue;
    absl::StrAppend(&out, "\n  --", flag.name, needs ? "=" : "");
    if (!TakesValue(flag) && !flag.Has(kNoVariable)) {
      absl::StrAppend(&out, " --no-", flag.name);
    }
  }
  return out;
}

std::string Signals() {
  for (const Flag& flag : FlagTable()) {
    if (flag.placeholder == "SIG") return How(flag);
  }
  return "";
}

}  // namespace

std::string BashCompletion() {
  std::string out(kTop);
  for (const Flag& flag : FlagTable()) {
    if (!TakesValue(flag)) continue;
    absl::StrAppend(&out, "    --", flag.name, ") echo '", How(flag), "' ;;\n");
  }
  absl::StrAppend(&out, kBody, "\n_reinit_signals='", Signals(), "'");
  absl::StrAppend(&out, "\n_reinit_subcommands='",
                  absl::StrJoin(Subcommands(), " ",
                                [](std::string* to, const Subcommand& one) {
                                  to->append(one.word);
                                }),
                  "'");
  absl::StrAppend(&out, "\n_reinit_probe_flags='", Names(kForProbe), "'");
  absl::StrAppend(&out, "\n_reinit_flags='", Names(0), "'\n");
  return out;
}

}  // namespace reinit
