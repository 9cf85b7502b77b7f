"""Options, variables, versions, helps and wrong input: what is written to which stream, and the exit code."""

import os

import compat
import xml_runner
from compat import CATATONIT, DUMB_INIT, NATIVE, ORIGINALS, TINI, Line, row

EXIT_3 = ["/bin/sh", "-c", "exit 3"]
TERM_ITSELF = ["/bin/sh", "-c", "kill -15 $$"]
# The end of it is reinit's own.
TINI_USAGE = """<me> (tini version 0.19.0)
Usage: <me> [OPTIONS] PROGRAM -- [ARGS] | --version

Execute a program under the supervision of a valid init process (<me>)

Command line options:

  --version: Show version and exit.
  -h: Show this help message and exit.
  -s: Register as a process subreaper (requires Linux >= 3.4).
  -p SIGNAL: Trigger SIGNAL when parent dies, e.g. "-p SIGKILL".
  -v: Generate more verbose output. Repeat up to 3 times.
  -w: Print a warning when processes are getting reaped.
  -g: Send signals to the child's process group.
  -e EXIT_CODE: Remap EXIT_CODE (from 0 to 255) to 0.
  -l: Show license and exit.

Environment variables:

  TINI_SUBREAPER: Register as a process subreaper (requires Linux >= 3.4).
  TINI_VERBOSITY: Set the verbosity level (default: 1).
  TINI_KILL_PROCESS_GROUP: Send signals to the child's process group.

<more>"""


def fatal(text):
    return f"[FATAL tini (<pid>)] {text}\n"


TINI_LINES = [
    Line("version", ["--version"], 0, out="tini version 0.19.0\n"),
    Line("version not PID 1", ["--version"], 0, out="tini version 0.19.0\n", pid1=False),
    Line("version and more", ["--version", "--foo"], 1, err="<path>: invalid option -- '-'\n" + TINI_USAGE),
    Line("version after an option", ["-v", "--version"], 1, err="<path>: invalid option -- '-'\n" + TINI_USAGE),
    Line("version of the command", ["--", "/bin/echo", "-n", "-h", "--version"], 0, out="-h --version"),
    Line("help", ["-h"], 0, out=TINI_USAGE),
    Line("help after an option", ["-v", "-h"], 0, out=TINI_USAGE),
    Line("help not PID 1", ["-h"], 0, out=TINI_USAGE, pid1=False),
    Line("licence", ["-l"], 0, out="<some>"),
    Line("no program", [], 1, err=TINI_USAGE),
    Line("only dashes", ["--"], 1, err=TINI_USAGE),
    Line("unknown option", ["-Z"], 1, err="<path>: invalid option -- 'Z'\n" + TINI_USAGE),
    Line("unknown option before help", ["-Z", "-h"], 1, err="<path>: invalid option -- 'Z'\n" + TINI_USAGE),
    Line("unknown long option", ["--yolo"], 1, err="<path>: invalid option -- '-'\n" + TINI_USAGE),
    Line("-p without argument", ["-p"], 1, err="<path>: option requires an argument -- 'p'\n" + TINI_USAGE),
    Line("-e without argument", ["-e"], 1, err="<path>: option requires an argument -- 'e'\n" + TINI_USAGE),
    *(Line(f"-p {name}", ["-p", name, "--", *EXIT_3], 3)
      for name in ("SIGKILL", "SIGTERM", "SIGUSR1", "SIGHUP")),
    *(Line(f"bad -p {name}", ["-p", name, "--", *EXIT_3], 1, err=fatal(f"Not a valid option for -p: {name}"))
      for name in ("USR1", "SIGFOO", "sigusr1", "10", "")),
    *(Line(f"bad -e {code}", ["-e", code, "--", *EXIT_3], 1, err=fatal(f"Not a valid option for -e: {code}"))
      for code in ("abc", "256", "-1", "12x", "1e2")),
    Line("bad -e empty", ["-e", "", "--", *EXIT_3], 1, err=fatal("Not a valid option for -e: "), defect_of=[TINI]),
    Line("-e", ["-e", "3", "--", *EXIT_3], 0),
    Line("-e attached", ["-e3", "--", *EXIT_3], 0),
    Line("-e other", ["-e", "4", "--", *EXIT_3], 3),
    Line("-e 143", ["-e", "143", "--", *TERM_ITSELF], 0),
    Line("-e 255 times", [word for code in range(1, 256) for word in ("-e", str(code))] + ["--", *EXIT_3], 0),
    Line("flags in one word", ["-gvws", "--", *EXIT_3], 3, out="<some>"),
    Line("without dashes", EXIT_3[:1] + ["/dev/null"], 0),
    Line("permutation unknown", ["/bin/echo", "-x", "hello"], 0, out="-x hello\n", defect_of=[TINI]),
    Line("permutation known", ["/bin/echo", "-v", "hello"], 0, out="-v hello\n", defect_of=[TINI]),
    Line("POSIXLY_CORRECT", ["/bin/echo", "-v", "hello"], 0, out="-v hello\n", env={"POSIXLY_CORRECT": "1"}),
    Line("POSIXLY_CORRECT empty", ["/bin/echo", "-x", "hello"], 0, out="-x hello\n", env={"POSIXLY_CORRECT": ""}),
]

REWRITE_USAGE = ("Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\n"
                 "This option can be specified multiple times.\nUse --help for full usage.\n")
DUMB_USAGE = "Usage: <path> [option] program [args]\nTry <path> --help for full usage.\n"
DUMB_HELP = """dumb-init v1.2.5
Usage: <path> [option] command [[arg] ...]

dumb-init is a simple process supervisor that forwards signals to children.
It is designed to run as PID1 in minimal container environments.

Optional arguments:
   -c, --single-child   Run in single-child mode.
                        In this mode, signals are only proxied to the
                        direct child and not any of its descendants.
   -r, --rewrite s:r    Rewrite received signal s to new signal r before proxying.
                        To ignore (not proxy) a signal, rewrite it to 0.
                        This option can be specified multiple times.
   -v, --verbose        Print debugging information to stderr.
   -h, --help           Print this help message and exit.
   -V, --version        Print the current version and exit.

Full help is available online at https://github.com/Yelp/dumb-init
"""

DUMB_INIT_LINES = [
    *(Line(f"version {flags}", flags, 0, err="dumb-init v1.2.5\n")
      for flags in (["-V"], ["--version"], ["-V", "-h"], ["--vers"])),
    *(Line(f"help {flags}", flags, 0, err=DUMB_HELP) for flags in (["-h"], ["--help"], ["-h", "-V"], ["--he"])),
    *(Line(f"no program {flags}", flags, 1, err=DUMB_USAGE) for flags in ([], ["--"], ["-c"], ["-v", "--"])),
    Line("unknown option", ["-Z"], 1, err="<path>: invalid option -- 'Z'\n"),
    Line("unknown long option", ["--yolo", "ls"], 1, err="<path>: unrecognized option '--yolo'\n"),
    Line("ambiguous option", ["--ver"], 1,
         err="<path>: option '--ver' is ambiguous; possibilities: '--verbose' '--version'\n"),
    Line("-r without argument", ["-r"], 1, err="<path>: option requires an argument -- 'r'\n"),
    Line("--rewrite without argument", ["--rewrite"], 1, err="<path>: option '--rewrite' requires an argument\n"),
    *(Line(f"bad -r {text}", ["-r", text, "--", *EXIT_3], 1, err=REWRITE_USAGE)
      for text in ("15", "15:", ":3", "15:32", "32:1", "0:1", "-1:3", "64:1", "a:b", "15:a", "SIGTERM:SIGINT", "15:-1",
                   "1 5:3", "15.5:3", "")),
    *(Line(f"good -r {text}", ["-r", text, "--", *EXIT_3], 3)
      for text in ("15:3", "15:0", "9:15", "19:1", "17:2", "1:31")),
    *(Line(f"bad -r {text}", ["-r", text, "--", *EXIT_3], 1, err=REWRITE_USAGE, defect_of=[DUMB_INIT])
      for text in ("15:3:4", "15:4x")),
    Line("bad -r before a good one", ["-r", "99:1", "-r", "15:2", "/bin/true"], 1, err=REWRITE_USAGE),
    Line("--rewrite=", ["--rewrite=15:3", *EXIT_3], 3),
    Line("options of the command", ["/bin/echo", "-x", "--version"], 0, out="-x --version\n"),
    Line("options after dashes", ["--", "/bin/echo", "-v"], 0, out="-v\n"),
    Line("single child", ["--single-child", *EXIT_3], 3),
    Line("killed", ["--", "/bin/sh", "-c", "kill -9 $$"], 137),
]

RESERVED = "ERROR (catatonit:<pid>): CATATONIT_LOG is reserved for future use\n"

CATATONIT_LINES = [
    *(Line(f"version {flags}", flags, 0, out="tini version 0.1.7_catatonit\n")
      for flags in (["-V"], ["--version"], ["-V", "-h"], ["--vers"])),
    Line("help", ["-h"], 0, err="<catatonit usage>"),
    Line("no long help", ["--help"], 1, err="<path>: unrecognized option '--help'\nusage: catatonit <some>"),
    Line("licence", ["-L"], 0, out="<some>"),
    *(Line(f"no program {flags}", flags, 1,
           err="ERROR (catatonit:<pid>): missing program name\nusage: catatonit <some>")
      for flags in ([], ["--"], ["-g"])),
    Line("unknown option", ["-Z"], 1, err="<path>: invalid option -- 'Z'\nusage: catatonit <some>"),
    Line("unknown long option", ["--yolo"], 1, err="<path>: unrecognized option '--yolo'\nusage: catatonit <some>"),
    Line("CATATONIT_LOG", ["--", *EXIT_3], 1, err=RESERVED, env={"CATATONIT_LOG": "debug"}),
    Line("CATATONIT_LOG empty", ["--", *EXIT_3], 1, err=RESERVED, env={"CATATONIT_LOG": ""}),
    Line("CATATONIT_LOG and version", ["-V"], 1, err=RESERVED, env={"CATATONIT_LOG": "x"}),
    Line("permutation unknown", ["/bin/echo", "-x", "hello"], 0, out="-x hello\n", defect_of=[CATATONIT]),
    Line("permutation known", ["/bin/echo", "-h", "hello"], 0, out="-h hello\n", defect_of=[CATATONIT]),
    Line("POSIXLY_CORRECT", ["/bin/echo", "-h"], 0, out="-h\n", env={"POSIXLY_CORRECT": "1"}),
    Line("as podman calls it", ["--", *EXIT_3], 3),
    Line("not PID 1", ["--", *EXIT_3], 3, pid1=False),
]

NATIVE_LINES = [
    Line("options of the command", ["/bin/echo", "-x", "--version"], 0, out="-x --version\n"),
    Line("options after dashes", ["--", "/bin/echo", "-v"], 0, out="-v\n"),
    Line("exit code", ["--", *EXIT_3], 3),
    Line("unknown option", ["--yolo", "--", *EXIT_3], 2, err="<some>"),
    Line("success exit status", ["--success-exit-status=3", "--", *EXIT_3], 0),
]


@compat.table
class CommandLineTest(compat.CompatTest):
    @row(*compat.ALL)
    def exit_codes_are_the_childs(self):
        for code in (0, 1, 125, 255):
            self.start("--", "/bin/sh", "-c", f"exit {code}").end(code)

    @row(*compat.ALL)
    def a_death_by_a_signal_is_128_and_more(self):
        for number in (1, 2, 6, 9, 11, 15, 34, 64):
            self.start("--", "/bin/sh", "-c", f"ulimit -c 0; kill -{number} $$").end(128 + number)

    @row(*ORIGINALS, NATIVE)
    def in_the_path(self):
        self.start("--", "true", env={"PATH": "/nowhere:/bin"}).end(0)

    @row(*ORIGINALS)
    def by_whatever_path_it_is_called(self):
        """Engines mount it where they like."""
        folder = self.folder()
        path = os.path.join(folder, self.program.name)
        os.symlink(self.program.path, path)
        run = self.start("-V" if self.is_one_of(DUMB_INIT) else "--version", init=[path])
        run.end(0)
        self.assertIn({TINI: "tini version 0.19.0\n", DUMB_INIT: "dumb-init v1.2.5\n",
                       CATATONIT: "tini version 0.1.7_catatonit\n"}[self.program.family], (run.stdout, run.stderr))

    def test_each_kind_of_copy(self):
        for program in compat.PROGRAMS:
            for kind, make in compat.KINDS.items():
                if program.original or program.family == NATIVE:
                    continue
                with self.subTest(kind, name=program.name):
                    path = os.path.join(self.folder(), program.name)
                    make(compat.harness.REINIT, path)
                    flag = "-V" if program.family != TINI else "--version"
                    run = self.start(flag, init=[path])
                    run.end(0)
                    self.assertRegex(run.stdout + run.stderr, "tini version 0.1|dumb-init v1")


compat.add_lines(CommandLineTest, TINI, TINI_LINES)
compat.add_lines(CommandLineTest, DUMB_INIT, DUMB_INIT_LINES)
compat.add_lines(CommandLineTest, CATATONIT, CATATONIT_LINES)
compat.add_lines(CommandLineTest, NATIVE, NATIVE_LINES)

if __name__ == "__main__":
    xml_runner.main()
