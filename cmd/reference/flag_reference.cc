#include "cmd/reference/flag_reference.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"

namespace reinit {
namespace {

constexpr std::string_view kTop =
    R"(<!-- Written by `tools/bazel run //cmd/reference:flag_docs`; do not edit. -->
# Flags of reinit

)";

constexpr std::string_view kUsageRun =
    "    reinit [flags] [--] COMMAND [ARG...]    run COMMAND and look after "
    "it\n";

// Of one subcommand's line, up to its meaning.
constexpr size_t kUsageColumn = 44;

constexpr std::string_view kRules = R"(
## How flags are written

- `--flag=VALUE` and `--flag VALUE` are the same, and so are `--stop-timeout` and
  `--stop_timeout`. A switch takes no further word: `--clear`, `--no-clear`,
  `--clear=no`.
- Flags end at `--` or at the first word that is none: `reinit ls -l /` passes `-l`
  to ls. `probe` is a subcommand only as that first word; `reinit -- probe` runs a
  program called probe.
- A flag that is given more than once counts with its last value, but for the
  repeatable ones, of which all values count.
- A time (`D`) is `250ms`, `1.5s`, `5m`, `1h`, `1m30s` or `infinity`; a bare number is
  seconds.
- Each flag with a variable in the tables can come from the environment; the command
  line wins. A repeatable flag takes one value per line, a switch `yes` or `no`. An
  empty variable counts as not set. Other `REINIT_*` variables are ignored. The flag
  variables are not handed on to the command.
- A CMD, as in `--health=exec:CMD`, is split into words with shell quoting but runs
  without a shell: nothing is expanded. Write `exec:sh -c '...'` where one is wanted.
- A path that `--watch` names itself always counts. Of what is below it the first of
  these rules that applies decides:
  1. What `--watch-exclude` matches is out, with all that is in it.
  2. With `--watch-ext` or `--watch-include`, a file that neither has such an ending
     nor is, or lies in, what `--watch-include` matches is out.
  3. What `--watch-include` spells out is in: `.env`, or for `.venv/lib/**` the
     folders `.venv` and `.venv/lib`. Wildcards bring nothing back: `src/**` does not
     mean `src/.git`.
  4. With `--watch-ignore-files`, what the `.gitignore` files in the watched folder
     ignore is out. When one changes, what it then hides or shows is no change.
  5. With `--watch-defaults`, out are version control (`.git`, `.hg`, ...), caches
     (`__pycache__`, `node_modules`, `.venv`, `.tox`, `.mypy_cache`, ...), any folder
     with a `pyvenv.cfg`, editor litter (`*~`, `.*.swp`, `#x#`, `4913`, ...) and
     what SQLite keeps beside a database (`*.db-wal`, `*.sqlite3-shm`, ...).
- A GLOB is a pattern as in `.gitignore`: `*`, `?` and `[a-z]` within a name, `**` over
  folders; with a `/` at its beginning or inside it starts at the watched folder, else
  it matches a name at any depth; with a `/` at its end it matches folders only.
  `{a,b}` is either. A folder that is out is never entered, so nothing in it comes
  back. Links in a watched folder count, but are not followed.
- A stop for a restart is followed by SIGKILL after `--stop-timeout`. When reinit
  itself is told to stop, the process has the time that the container runtime gives;
  a second Ctrl-C kills it.
- A wrong flag, value or combination is one line on stderr for each, exit status 2,
  and nothing is started. A flag that has no effect because the one that switches it
  on is missing is only a warning, so that an image can have `--watch-ext=py` and
  leave the rest to `REINIT_WATCH`.
- `--check` says what would be done, and runs nothing. It binds the sockets and lets
  go of them, and looks for the command in its PATH as its user. What a start would
  fail with is said in the same words, with the same exit status: 2, 127 for a command
  that is not found, 126 for one that cannot be executed.

`reinit ctl status|restart|reload|stop|signal SIG|scale N|wait` has flags of its own behind
the word: `--control=PATH`, where it finds reinit, and `--json`; `stop --now`;
`wait --ready`; `restart --wait`, `reload --wait`, `scale --wait`; `restart --worker=N`;
`--timeout=60s` for what waits.
[control.md](control.md) says what they do.

`reinit probe` knows these flags, before or after the URL, and their variables:
)";

constexpr std::string_view kDevTop = R"(
`--dev` gives these flags a value where neither the command line nor the environment
does: )";

// A `|` would end the cell, in code too.
std::string Cell(std::string_view text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}});
}

std::string Code(std::string_view text) {
  return text.empty() ? "" : absl::StrCat("`", Cell(text), "`");
}

void AppendUsage(std::string& out) {
  out += kUsageRun;
  for (const Subcommand& one : Subcommands()) {
    std::string line =
        absl::StrCat("    reinit ", one.word, " ", one.reference_operands);
    line.resize(std::max(line.size(), kUsageColumn), ' ');
    absl::StrAppend(&out, line, one.reference_help, "\n");
  }
}

void AppendProbeFlags(std::string& out) {
  std::string_view separator;
  for (const Flag& flag : FlagTable()) {
    if (!flag.Has(kForProbe)) continue;
    absl::StrAppend(&out, separator, "`--", flag.name, "`");
    separator = ", ";
  }
  out += ".\n";
}

void AppendPreset(std::string& out) {
  out += kDevTop;
  for (const FlagPreset& preset : DevPreset())
    absl::StrAppend(&out, "`--", preset.flag, "=", preset.value, "`, ");
  out +=
      "and `--clear` if stdout or stderr\nis a terminal. "
      "Where `--watch` names files alone, `--watch=.` counts as well.\n";
}

std::string Needs(const Flag& flag) {
  if (flag.Has(kReloads))
    return "; needs `--watch`, `--reload-signal` or `reinit ctl`";
  if (flag.Has(kNeedsWatch)) return "; needs `--watch`";
  if (flag.Has(kNeedsHealth)) return "; needs `--health`";
  if (flag.Has(kNeedsListen)) return "; needs `--listen`";
  if (flag.Has(kNeedsRestart))
    return "; needs `--restart`, `--health` or `--watch`";
  return "";
}

void AppendRow(const Flag& flag, std::string& out) {
  absl::StrAppend(&out, "| ", Code(FlagSynopsis(flag)), " | ",
                  Code(flag.standard), " | ", Code(FlagVariable(flag)), " | ",
                  Cell(flag.help), flag.Has(kForProbe) ? "" : Needs(flag),
                  " |\n");
}

}  // namespace

std::string FlagReference() {
  std::string out(kTop);
  AppendUsage(out);
  out += kRules;
  AppendProbeFlags(out);
  std::optional<FlagGroup> group;
  for (const Flag& flag : FlagTable()) {
    if (flag.group != group) {
      group = flag.group;
      absl::StrAppend(&out, "\n## ", FlagGroupTitle(flag.group),
                      "\n\n| flag | default | variable | meaning |\n"
                      "|---|---|---|---|\n");
    }
    AppendRow(flag, out);
  }
  AppendPreset(out);
  return out;
}

}  // namespace reinit
