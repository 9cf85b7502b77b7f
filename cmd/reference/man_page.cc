#include "cmd/reference/man_page.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "cmd/flags/flag_choices.h"
#include "cmd/flags/flag_table.h"
#include "cmd/flags/subcommand.h"

namespace reinit {
namespace {

constexpr std::string_view kTop =
    R"(.\" Written by `tools/bazel run //cmd/reference:flag_docs`; do not edit.
.Dd November 25, 2026
.Dt REINIT 1
.Os
.Sh NAME
.Nm reinit
.Nd init for containers that keeps its process current and alive
.Sh SYNOPSIS
.Nm
.Op Ar flags
.Op Fl Fl
.Ar COMMAND
.Op Ar ARG ...
)";

constexpr std::string_view kDescription =
    R"(.Sh DESCRIPTION
.Nm
runs
.Ar COMMAND
as the first process of a container, or below another.
It reaps orphans, passes signals on, and ends with the exit status of the
command.
With
.Fl Fl watch
it reloads the command when files change, with
.Fl Fl health
and
.Fl Fl restart
it starts it anew when it is sick or has ended.
.Pp
Flags end at
.Fl Fl
or at the first word that is none.
.Fl Fl flag Ns = Ns Ar VALUE
and
.Fl Fl flag Ar VALUE
are the same; underscores count as hyphens; a switch is turned off by
.Fl Fl no- Ns Ar flag .
Of a flag that is given more than once the last value counts, but of a
repeatable one all do.
.Pp
A time
.Pq Ar D
is written 250ms, 1.5s, 5m, 1h, 1m30s or infinity; a bare number is seconds.
A
.Ar CMD
is split into words with shell quoting, but runs without a shell.
A
.Ar GLOB
is a pattern as in
.Pa .gitignore .
.Pp
These subcommands count as such only as the first word that is no flag:
.Bl -tag -width Ds
)";

constexpr std::string_view kAfterFlags =
    R"(.Sh ENVIRONMENT
Each flag but
.Fl Fl check ,
.Fl Fl help
and
.Fl Fl version
also comes from a variable:
.Ev REINIT_STOP_TIMEOUT
for
.Fl Fl stop-timeout .
The command line wins.
A repeatable flag takes one value per line, a switch yes or no.
These variables are not handed on to the command; it has
.Ev REINIT_GENERATION ,
.Ev REINIT_REASON ,
.Ev REINIT_CHANGED ,
.Ev REINIT_CHANGED_FILES ,
.Ev REINIT_CHANGED_COUNT
and
.Ev REINIT_INSTANCE
when it is supervised.
.Sh EXIT STATUS
The exit status of the command, or 128 and the number of the signal that ended
it.
.Bl -tag -width Ds
.It 1
.Nm
itself failed, or gave up on a command that ended with 0.
.It 2
A flag, a value or a combination is wrong; nothing was started.
.It 126
The command cannot be executed.
.It 127
The command was not found.
.El
.Sh EXAMPLES
An init, nothing more:
.Pp
.Dl reinit \-\- ./server
.Pp
Hot reload while developing:
.Pp
.Dl reinit \-\-dev \-\- python3 app.py
.Pp
Started anew when it is sick or has ended:
.Pp
.Dl reinit \-\-health=tcp://127.0.0.1:80 \-\-restart=always \-\- ./server
.Pp
What would be done, and every error:
.Pp
.Dl reinit \-\-check \-\-watch=src \-\-on\-change=signal:HUP \-\- ./server
)";

// Text that roff reads as nothing else.
std::string Escaped(std::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
}

// `text` in lines that are no requests.
void AppendText(std::string_view text, std::string& out) {
  constexpr size_t kColumns = 78;
  size_t used = 0;
  for (const std::string_view plain : absl::StrSplit(text, ' ')) {
    const bool request =
        absl::StartsWith(plain, ".") || absl::StartsWith(plain, "'");
    const std::string word = Escaped(plain);
    if (used > 0 && used + 1 + word.size() > kColumns) {
      out += '\n';
      used = 0;
    }
    absl::StrAppend(&out, used > 0 ? " " : request ? "\\&" : "", word);
    used += word.size() + 1;
  }
  out += '\n';
}

// A single character that mdoc would take for punctuation stands in no
// placeholder alone, so each is one word.
void AppendItem(const Flag& flag, std::string& out) {
  absl::StrAppend(&out, ".It Fl Fl ", Escaped(flag.name));
  if (flag.type == FlagType::kOptionalValue) {
    absl::StrAppend(&out, " Ns Op = Ns Ar ", Escaped(flag.placeholder));
  } else if (!flag.placeholder.empty()) {
    absl::StrAppend(&out, " Ns = Ns Ar ", Escaped(flag.placeholder));
  }
  out += '\n';
  std::string text(flag.help);
  if (!flag.standard.empty() && flag.type != FlagType::kSwitch) {
    absl::StrAppend(&text, " (default: ", flag.standard, ")");
  } else if (flag.standard == "on") {
    text += " (default: on)";
  }
  AppendText(text + ".", out);
}

}  // namespace

std::string ManPage() {
  std::string out(kTop);
  for (const Subcommand& one : Subcommands()) {
    absl::StrAppend(&out, ".Nm\n.Cm ", Escaped(one.word), "\n.Ar ",
                    Escaped(one.operands), "\n");
  }
  out += kDescription;
  for (const Subcommand& one : Subcommands()) {
    absl::StrAppend(&out, ".It Cm ", Escaped(one.word), " Ar ",
                    Escaped(one.operands), "\n");
    AppendText(absl::StrCat(one.help, "."), out);
  }
  out += ".El\n.Pp\n";
  AppendText(
      "Behind its word ctl has flags of its own: --control=PATH, where it "
      "finds "
      "reinit, and --json; stop --now; wait --ready; restart, reload and scale "
      "--wait; restart --worker=N; --timeout=60s for what waits.",
      out);
  out += ".Sh OPTIONS\n";
  std::optional<FlagGroup> group;
  for (const Flag& flag : FlagTable()) {
    if (flag.group != group) {
      absl::StrAppend(&out, group.has_value() ? ".El\n" : "", ".Ss ",
                      FlagGroupTitle(flag.group), "\n.Bl -tag -width Ds\n");
      group = flag.group;
    }
    AppendItem(flag, out);
  }
  absl::StrAppend(&out, ".El\n", kAfterFlags);
  return out;
}

}  // namespace reinit
