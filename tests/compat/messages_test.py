"""What the programs say while they run, at each level, and what they say and return when there is nothing to run."""

import itertools
import os
import signal

import compat
import harness
import xml_runner
from compat import CATATONIT, DUMB_INIT, NATIVE, TINI, Line, row

EXIT_3 = ["/bin/sh", "-c", "exit 3"]
SPAWNED = "[INFO  tini (<pid>)] Spawned child process '/bin/sh' with pid '<pid>'\n"
EXITED = "[INFO  tini (<pid>)] Main child exited normally (with status '3')\n"
DEBUG = "[DEBUG tini (<pid>)] Received SIGCHLD\n[DEBUG tini (<pid>)] Reaped child with pid: '<pid>'\n"
END = "[TRACE tini (<pid>)] No child to wait\n[TRACE tini (<pid>)] Exiting: child has exited\n"
SUBREAPER = "[TRACE tini (<pid>)] Registered as child subreaper\n"
INFO_LEVEL = SPAWNED + EXITED
DEBUG_LEVEL = SPAWNED + DEBUG + EXITED
TRACE_LEVEL = SPAWNED + "<tini ticks>" + DEBUG + EXITED + END
TRACE_LEVEL_SUBREAPER = SUBREAPER + TRACE_LEVEL
# Its words are looked for by scripts and tests: the first line, and "zombie reaping won't work".
NOT_PID_1 = ("[WARN  tini (<pid>)] Tini is not running as PID 1 and isn't registered as a child subreaper.\n"
             "<words>zombie reaping won't work.\n<words>-s<words>TINI_SUBREAPER<words>\n")

TINI_LINES = [
    Line("silent", ["--", *EXIT_3], 3),
    Line("-v", ["-v", "--", *EXIT_3], 3, out=INFO_LEVEL),
    Line("-vv", ["-vv", "--", *EXIT_3], 3, out=DEBUG_LEVEL),
    Line("-vvv", ["-vvv", "--", *EXIT_3], 3, out=TRACE_LEVEL),
    Line("-v three times", ["-v", "-v", "-v", "--", *EXIT_3], 3, out=TRACE_LEVEL),
    Line("-vvvv", ["-vvvv", "--", *EXIT_3], 3, out=TRACE_LEVEL),
    *(Line(f"TINI_VERBOSITY is {value}", ["--", *EXIT_3], 3, out=out, env={"TINI_VERBOSITY": value})
      for value, out in (("0", ""), ("1", ""), ("2", INFO_LEVEL), ("3", DEBUG_LEVEL), ("4", TRACE_LEVEL),
                         ("9", TRACE_LEVEL), ("x", ""), ("", ""))),
    Line("TINI_VERBOSITY wins over -v", ["-vvv", "--", *EXIT_3], 3, env={"TINI_VERBOSITY": "1"}),
    Line("TINI_VERBOSITY wins over no -v", ["-v", "--", *EXIT_3], 3, out=TRACE_LEVEL, env={"TINI_VERBOSITY": "4"}),
    Line("the level before a remapped code", ["-v", "-e", "3", "--", *EXIT_3], 0, out=INFO_LEVEL),
    Line("-v of a killed child", ["-v", "--", "/bin/sh", "-c", "kill -9 $$"], 137,
         out=SPAWNED + "[INFO  tini (<pid>)] Main child exited with signal (with signal 'Killed')\n"),
    Line("-v of a child killed by a real-time signal", ["-v", "--", "/bin/sh", "-c", "kill -64 $$"], 192,
         out=SPAWNED + "[INFO  tini (<pid>)] Main child exited with signal (with signal 'Real-time signal 30')\n"),
    Line("-s as PID 1", ["-s", "--", *EXIT_3], 3),
    Line("-s -vvv as PID 1", ["-s", "-vvv", "--", *EXIT_3], 3, out=TRACE_LEVEL_SUBREAPER),
    Line("-s -vvv not PID 1", ["-s", "-vvv", "--", *EXIT_3], 3, out=TRACE_LEVEL_SUBREAPER, pid1=False),
    *(Line(f"TINI_SUBREAPER is {value}", ["-vvv", "--", *EXIT_3], 3, out=TRACE_LEVEL_SUBREAPER,
           env={"TINI_SUBREAPER": value}, pid1=False) for value in ("", "0", "1")),
    Line("not PID 1", ["--", *EXIT_3], 3, err=NOT_PID_1, pid1=False),
    Line("not PID 1 -vv", ["-vv", "--", *EXIT_3], 3, out=DEBUG_LEVEL, err=NOT_PID_1, pid1=False),
    Line("not PID 1 without warnings", ["--", *EXIT_3], 3, env={"TINI_VERBOSITY": "0"}, pid1=False),
]

GOODBYE = ("[dumb-init] Received signal 17.\n[dumb-init] A child with PID <pid> exited with exit status 3.\n"
           "[dumb-init] Forwarded signal 15 to children.\n[dumb-init] Child exited with status 3. Goodbye.\n")
SPAWN = "[dumb-init] Child spawned with PID <pid>.\n"
# The child's lines and the parent's come in any order.
SETSID = ("[dumb-init] Unable to detach from controlling tty (errno=25 Inappropriate ioctl for device).\n" + SPAWN +
          "[dumb-init] Unable to attach to controlling tty (errno=25 Inappropriate ioctl for device).\n"
          "[dumb-init] setsid complete.\n")
KILLED = ("[dumb-init] Received signal 17.\n[dumb-init] A child with PID <pid> was terminated by signal 9.\n"
          "[dumb-init] Forwarded signal 15 to children.\n[dumb-init] Child exited with status 137. Goodbye.\n")
TERM_DROPPED = ("[dumb-init] Received signal 17.\n[dumb-init] A child with PID <pid> exited with exit status 3.\n"
                "[dumb-init] Translating signal 15 to 0.\n[dumb-init] Not forwarding signal 0 to children (ignored).\n"
                "[dumb-init] Child exited with status 3. Goodbye.\n")

DUMB_INIT_LINES = [
    *(Line(f"silent {pid1}", ["--", *EXIT_3], 3, pid1=pid1) for pid1 in (True, False)),
    *(Line(f"{flag} {pid1}", [flag, *EXIT_3], 3, err=SETSID + GOODBYE, any_order=True, pid1=pid1)
      for flag in ("-v", "--verbose", "--verb") for pid1 in (True, False)),
    *(Line(f"-v -c {pid1}", ["-v", "-c", *EXIT_3], 3, err=SPAWN + GOODBYE, pid1=pid1) for pid1 in (True, False)),
    Line("-vc", ["-vc", *EXIT_3], 3, err=SPAWN + GOODBYE),
    Line("DUMB_INIT_DEBUG", EXIT_3, 3, err="[dumb-init] Running in debug mode.\n" + SETSID + GOODBYE, any_order=True,
         env={"DUMB_INIT_DEBUG": "1"}),
    *(Line(f"DUMB_INIT_DEBUG is {value}", EXIT_3, 3, env={"DUMB_INIT_DEBUG": value}) for value in ("0", "yes", "")),
    Line("DUMB_INIT_DEBUG is 0 and -v", ["-v", "-c", *EXIT_3], 3, err=SPAWN + GOODBYE, env={"DUMB_INIT_DEBUG": "0"}),
    Line("DUMB_INIT_SETSID is 0", ["-v", *EXIT_3], 3, err="[dumb-init] Not running in setsid mode.\n" + SPAWN + GOODBYE,
         env={"DUMB_INIT_SETSID": "0"}),
    Line("DUMB_INIT_SETSID is 0 and debug", EXIT_3, 3,
         err="[dumb-init] Running in debug mode.\n[dumb-init] Not running in setsid mode.\n" + SPAWN + GOODBYE,
         env={"DUMB_INIT_SETSID": "0", "DUMB_INIT_DEBUG": "1"}),
    *(Line(f"DUMB_INIT_SETSID is {value}", ["-v", *EXIT_3], 3, err=SETSID + GOODBYE, any_order=True,
           env={"DUMB_INIT_SETSID": value}) for value in ("1", "no", "")),
    Line("DUMB_INIT_SETSID is 1 and -c", ["-v", "-c", *EXIT_3], 3, err=SPAWN + GOODBYE, env={"DUMB_INIT_SETSID": "1"}),
    Line("-v of a killed child", ["-v", "-c", "/bin/sh", "-c", "kill -9 $$"], 137, err=SPAWN + KILLED),
    Line("TERM at the end dropped", ["-v", "-c", "-r", "15:0", *EXIT_3], 3, err=SPAWN + TERM_DROPPED),
]

# What its child says about the terminal is not asked of ours.
CATATONIT_DEBUG = [
    "DEBUG (catatonit:<pid>): pid1 (<pid>) spawned: /bin/sh\n",
    "DEBUG (catatonit:<pid>): got ECHILD: no children left to monitor\n",
]

CATATONIT_LINES = [
    Line("silent", ["--", *EXIT_3], 3),
]


def exec_lines(message, codes, before=("--",)):
    """What cannot be executed. `codes`: of what is not there, of what must not be executed, of all else."""
    not_there, denied, other = codes
    rows = [("a name", "nosuch", not_there, "No such file or directory"),
            ("a path", "/nosuch/path", not_there, "No such file or directory"),
            ("nothing", "", not_there, "No such file or directory"),
            ("no x bit", "/etc/passwd", denied, "Permission denied"),
            ("a folder", "/tmp", denied, "Permission denied"),
            ("below a file", "/bin/true/x", other, "Not a directory"),
            ("a long name", "/" + "n" * 300, other, "File name too long")]
    return [Line(f"exec of {name}", [*before, path], code, err=message(path, reason))
            for name, path, code, reason in rows]


def of_tini(path, reason):
    return f"[FATAL tini (<pid>)] exec {path} failed: {reason}\n"


TINI_LINES += exec_lines(of_tini, (127, 126, 1))
TINI_LINES += [
    Line("exec failure is said at any level", ["--", "nosuch"], 127, err=of_tini("nosuch", "No such file or directory"),
         env={"TINI_VERBOSITY": "0"}),
    Line("exec failure at -v", ["-v", "--", "nosuch"], 127, err=of_tini("nosuch", "No such file or directory"),
         out=("[INFO  tini (<pid>)] Spawned child process 'nosuch' with pid '<pid>'\n"
              "[INFO  tini (<pid>)] Main child exited normally (with status '127')\n")),
    Line("exec failure remapped", ["-e", "127", "--", "nosuch"], 0, err=of_tini("nosuch", "No such file or directory")),
]
DUMB_INIT_LINES += exec_lines(lambda path, reason: f"[dumb-init] {path}: {reason}\n", (2, 2, 2))
DUMB_INIT_LINES += [
    Line("exec failure at -v", ["-v", "-c", "nosuch"], 2,
         err=SPAWN + "[dumb-init] nosuch: No such file or directory\n" + GOODBYE.replace("status 3", "status 2"),
         any_order=True),
]
CATATONIT_LINES += exec_lines(lambda _, reason: f"ERROR (catatonit:<pid>): failed to exec pid1: {reason}\n", (1, 1, 1))
# An empty name is wrong input for it.
NATIVE_LINES = [line for line in exec_lines(lambda _, __: "<some>", (127, 126, 127)) if "" not in line.args]
NATIVE_LINES[-1] = NATIVE_LINES[-1]._replace(code=126)  # a long name is known to be there nowhere: as a shell has it


@compat.table
class MessagesTest(compat.CompatTest):
    def lines(self, text, wanted):
        """Waits for all of these lines, exact but for their holes, in this order."""
        expected = compat.pattern(wanted, self.program)
        self.wait_for(lambda: compat.re.search(expected, text()), lambda: f"{wanted!r} in {text()!r}")

    def exactly(self, text, wanted):
        self.assertTrue(compat.re.fullmatch(compat.pattern(wanted, self.program), text), f"{text!r}\nnot\n{wanted!r}")

    @row(TINI)
    def forwarding_at_each_level(self):
        start = "[INFO  tini (<pid>)] Spawned child process '<some>' with pid '<pid>'\n"
        passing = "".join(f"[DEBUG tini (<pid>)] Passing signal: '{name}'\n<tini ticks>"
                          for name in ("Hangup", "User defined signal 1", "Real-time signal 1"))
        end = EXITED.replace("3", "9")
        for flag, wanted in (("-v", start + end), ("-vv", start + passing + DEBUG + end),
                             ("-vvv", start + "<tini ticks>" + passing + DEBUG + end + END)):
            run, app = self.start_app(flag, config={"exit_on": {}})
            for number in (1, 10, 35):
                run.kill(number)
                self.event("signal", signal=number)
            # The original reaps right after it has passed a signal on, and then reads no SIGCHLD.
            self.eventually(lambda r=run: any(word in harness.proc(r.host, "wchan") for word in ("sigtimedwait", "poll")),
                            lambda: "it does not wait")
            self.tell(app, "exit", code=9)
            run.end(9)
            self.exactly(run.stdout, wanted)
            self.assertEqual(run.stderr, "")

    def orphans(self, run, app):
        self.tell(app, "orphans", count=3)
        self.event("made")
        run.only(app["host"])
        self.tell(app, "exit", code=3)
        run.end(3)

    @row(TINI)
    def each_orphan_is_named_with_w(self):
        run, app = self.start_app("-w")
        self.orphans(run, app)
        self.exactly(run.stderr, "[WARN  tini (<pid>)] Reaped zombie process with pid=<pid>\n" * 3)
        self.assertEqual(run.stdout, "")

    @row(TINI)
    def no_orphan_is_named_without_w(self):
        run, app = self.start_app()
        self.orphans(run, app)
        self.assertEqual((run.stdout, run.stderr), ("", ""))

    @row(TINI)
    def orphans_at_debug_level(self):
        run, app = self.start_app("-vv")
        self.orphans(run, app)
        self.assertEqual(run.stdout.count("Reaped child with pid: '"), 4)
        self.assertEqual(run.stderr, "")

    @row(DUMB_INIT)
    def orphans_with_v(self):
        run, app = self.start_app("-v", "-c")
        self.orphans(run, app)
        self.assertEqual(run.stderr.count(" exited with exit status 0.\n"), 3)

    @row(CATATONIT)
    def orphans_at_debug(self):
        run, app = self.start_app(env={"CATATONIT_DEBUG": "1"})
        self.orphans(run, app)
        self.assertEqual(run.stderr.count(" exited with code 0\n"), 3)
        self.exactly("".join(line for line in run.stderr.splitlines(keepends=True) if "exited" in line),
                     "DEBUG (catatonit:<pid>): child process <pid> exited with code 0\n" * 3)

    @row(CATATONIT)
    def each_step_at_debug(self):
        for value, pid1 in itertools.product(("1", "0", ""), (True, False)):
            run = self.start("--", *EXIT_3, pid1=pid1, env={"CATATONIT_DEBUG": value})
            run.end(3)
            for line in CATATONIT_DEBUG:
                if self.program.original:  # writes each line in pieces, and its child does at the same time
                    line = line[line.index("): ") + 3:-1]
                self.assertTrue(compat.re.search(compat.pattern(line, self.program), run.stderr), (line, run.stderr))

    @row(DUMB_INIT)
    def forwarding_with_v(self):
        for flags, translated in (["-c"], ""), (["-c", "-r", "1:12"], "[dumb-init] Translating signal 1 to 12.\n"):
            run, app = self.start_app("-v", *flags, config={"exit_on": {}})
            run.kill(1)
            self.event("signal", signal=12 if translated else 1)
            run.kill(35)
            self.event("signal", signal=35)
            self.tell(app, "exit", code=3)
            run.end(3)
            number = 12 if translated else 1
            self.exactly(run.stderr, SPAWN + "[dumb-init] Received signal 1.\n" + translated +
                         f"[dumb-init] Forwarded signal {number} to children.\n[dumb-init] Received signal 35.\n"
                         "[dumb-init] Forwarded signal 35 to children.\n" + GOODBYE)

    @row(DUMB_INIT)
    def a_dropped_signal_with_v(self):
        run, app = self.start_app("-v", "-c", "-r", "1:0", config={"exit_on": {}})
        run.kill(1)
        run.says("Not forwarding signal 0 to children (ignored).")
        run.kill(10)
        self.event("signal", signal=10)
        self.no_event("signal")
        self.tell(app, "exit", code=3)
        run.end(3)
        self.exactly(run.stderr, SPAWN + "[dumb-init] Received signal 1.\n[dumb-init] Translating signal 1 to 0.\n"
                     "[dumb-init] Not forwarding signal 0 to children (ignored).\n[dumb-init] Received signal 10.\n"
                     "[dumb-init] Forwarded signal 10 to children.\n" + GOODBYE)

    # Files that the kernel does not execute.

    def script(self, text):
        return self.write(os.path.join(self.folder(), "script"), text, 0o755)

    @row(*compat.ORIGINALS)
    def a_script_without_an_interpreter_line_is_run_by_the_shell(self):
        """As execvp(3) does; entry points are written so."""
        run = self.start("--", self.script("echo \"$1\"; exit 5\n"), "word")
        run.end(5)
        self.assertEqual(run.stdout, "word\n")

    @row(*compat.ALL, defect_of=compat.ORIGINALS)
    def a_program_for_another_machine_is_not_run_by_the_shell(self):
        run = self.start("--", self.script("\x7fELFgarbage\n"))
        self.assertNotEqual(run.end(), 0)
        self.assertNotIn("not found", run.stderr)
        self.assertNotEqual(run.stderr, "")

    @row(*compat.ALL)
    def a_script_whose_interpreter_is_missing(self):
        run = self.start("--", self.script("#!/no/such/interpreter\n"))
        run.end({TINI: 127, DUMB_INIT: 2, CATATONIT: 1, NATIVE: 127}[self.program.family])
        self.assertIn("No such file or directory" if self.program.family != NATIVE else "interpreter", run.stderr)

    @row(*compat.ALL, kept=(DUMB_INIT, CATATONIT))
    def nothing_there_is_127_and_not_allowed_is_126(self):
        """The codes of a shell, which orchestrators know."""
        self.start("--", "/nosuch").end(127)
        self.start("--", "/etc/passwd").end(126)


compat.add_lines(MessagesTest, TINI, TINI_LINES)
compat.add_lines(MessagesTest, DUMB_INIT, DUMB_INIT_LINES)
compat.add_lines(MessagesTest, CATATONIT, CATATONIT_LINES)
compat.add_lines(MessagesTest, NATIVE, NATIVE_LINES)

if __name__ == "__main__":
    xml_runner.main()
