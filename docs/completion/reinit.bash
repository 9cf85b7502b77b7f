# Completion of reinit for bash. Written by `tools/bazel run //cmd/reference:flag_docs`; do not edit.
# Put it at /usr/share/bash-completion/completions/reinit, or source it.

# How the value of a flag is completed: words with | between them, or @file, @dir, @command, @user; @none for any other
# value. Fails for a flag that takes none.
_reinit_values() {
  case $1 in
    --watch) echo '@file' ;;
    --watch-ext) echo '@none' ;;
    --watch-include) echo '@none' ;;
    --watch-exclude) echo '@none' ;;
    --watch-mode) echo 'auto|inotify|poll|mtime|hash' ;;
    --watch-compare) echo 'auto|mtime|hash' ;;
    --watch-scan) echo '@none' ;;
    --reload-delay) echo '@none' ;;
    --watch-settle) echo '@none' ;;
    --on-stale-mount) echo 'warn|exit' ;;
    --on-change) echo 'restart|signal:|http:|exec:|exit|exit:|none' ;;
    --on-change-headers-file) echo '@file' ;;
    --on-change-auth-file) echo '@file' ;;
    --reload-check) echo '@command' ;;
    --reload-timeout) echo '@none' ;;
    --reload-retry-delay) echo '@none' ;;
    --restart-order) echo 'stop-first|start-first' ;;
    --reload-signal) echo 'HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT' ;;
    --target-process) echo '@none' ;;
    --target-cmdline) echo '@none' ;;
    --target-pidfile) echo '@file' ;;
    --on-missing) echo 'wait|fail' ;;
    --on-start) echo 'apply|none' ;;
    --on-start-file) echo '@file' ;;
    --restart) echo 'no|on-failure|on-abnormal|always|on-failure:' ;;
    --after-exit) echo 'exit|wait' ;;
    --success-exit-status) echo '@none' ;;
    --restart-prevent-exit-status) echo '@none' ;;
    --restart-force-exit-status) echo '@none' ;;
    --restart-delay) echo '@none' ;;
    --restart-delay-max) echo '@none' ;;
    --restart-reset) echo '@none' ;;
    --start-limit-burst) echo '@none' ;;
    --start-limit-interval) echo '@none' ;;
    --start-limit-action) echo 'exit|stay' ;;
    --health) echo 'http://|http+unix:///|tcp://|unix:///|grpc://|file:/|exec:|stall:' ;;
    --health-interval) echo '@none' ;;
    --health-timeout) echo '@none' ;;
    --health-retries) echo '@none' ;;
    --health-start-period) echo '@none' ;;
    --health-expect) echo '@none' ;;
    --health-on-failure) echo 'restart|exit|none|signal:' ;;
    --listen) echo 'tcp://|unix:/|fd:' ;;
    --listen-backlog) echo '@none' ;;
    --listen-env) echo 'systemd|nginx|server-starter|php-fpm|unicorn|einhorn|gunicorn|all' ;;
    --ready) echo 'exec|notify|accept|delay:|fd:|http://|http+unix:///|tcp://|unix:///|grpc://|file:/|exec:' ;;
    --ready-timeout) echo '@none' ;;
    --ready-file) echo '@file' ;;
    --watchdog) echo '@none' ;;
    --max-memory) echo '@none' ;;
    --max-age) echo '@none' ;;
    --workers) echo 'auto' ;;
    --workers-ready) echo '@none' ;;
    --restart-parallelism) echo '@none' ;;
    --restart-monitor) echo '@none' ;;
    --stop-signal) echo 'HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT' ;;
    --stop-timeout) echo '@none' ;;
    --reload-stop-signal) echo 'HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT' ;;
    --shutdown-timeout) echo '@none' ;;
    --drain-delay) echo '@none' ;;
    --leftover-timeout) echo '@none' ;;
    --forward-to) echo 'process|group' ;;
    --rewrite) echo '@none' ;;
    --subreaper) echo 'auto|yes|no' ;;
    --parent-death-signal) echo 'HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT' ;;
    --user) echo '@user' ;;
    --chdir) echo '@dir' ;;
    --env) echo '@none' ;;
    --env-file) echo '@file' ;;
    --pre-start) echo '@command' ;;
    --post-stop) echo '@command' ;;
    --log-level) echo 'error|warning|info|debug' ;;
    --log-format) echo 'text|json' ;;
    --control) echo 'auto|off|/' ;;
    --status-listen) echo '@none' ;;
    --termination-log) echo '@file' ;;
    --help) echo 'all' ;;
    *) return 1 ;;
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

_reinit_signals='HUP|INT|QUIT|TERM|USR1|USR2|WINCH|KILL|CONT'
_reinit_subcommands='probe ctl listen-exec self-install'
_reinit_probe_flags='
  --health-timeout=
  --health-expect=
  --help
  --version'
_reinit_flags='
  --dev --no-dev
  --clear --no-clear
  --watch=
  --watch-ext=
  --watch-include=
  --watch-exclude=
  --watch-ignore-files --no-watch-ignore-files
  --watch-defaults --no-watch-defaults
  --watch-mode=
  --watch-compare=
  --watch-scan=
  --reload-delay=
  --watch-settle=
  --on-stale-mount=
  --on-change=
  --on-change-headers-file=
  --on-change-auth-file=
  --reload-check=
  --reload-timeout=
  --reload-retry-delay=
  --restart-order=
  --reload-signal=
  --target-process=
  --target-cmdline=
  --target-pidfile=
  --target-all --no-target-all
  --target-force --no-target-force
  --on-missing=
  --on-start=
  --on-start-file=
  --restart=
  --after-exit=
  --success-exit-status=
  --restart-prevent-exit-status=
  --restart-force-exit-status=
  --restart-delay=
  --restart-delay-max=
  --restart-reset=
  --start-limit-burst=
  --start-limit-interval=
  --start-limit-action=
  --health=
  --health-interval=
  --health-timeout=
  --health-retries=
  --health-start-period=
  --health-expect=
  --health-on-failure=
  --listen=
  --listen-backlog=
  --listen-env=
  --ready=
  --ready-timeout=
  --ready-file=
  --watchdog=
  --max-memory=
  --max-age=
  --workers=
  --workers-ready=
  --restart-parallelism=
  --restart-monitor=
  --scale-signals --no-scale-signals
  --log-prefix --no-log-prefix
  --stop-signal=
  --stop-timeout=
  --reload-stop-signal=
  --shutdown-timeout=
  --drain-delay=
  --leftover-timeout=
  --forward-to=
  --rewrite=
  --subreaper=
  --parent-death-signal=
  --user=
  --chdir=
  --env=
  --env-file=
  --no-new-privileges --no-no-new-privileges
  --pre-start=
  --post-stop=
  --log-level=
  --log-format=
  --control=
  --status-listen=
  --termination-log=
  --check
  --help
  --version'
