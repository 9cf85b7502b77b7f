"""On a terminal: who has the foreground, Ctrl-C and Ctrl-Z in shells below an init, and shells above it."""

import fcntl
import os
import pty
import signal
import termios

import compat
import xml_runner
from compat import ALL, CATATONIT, DUMB_INIT, NATIVE, TINI, row

BASH = ["/bin/bash", "--norc", "--noprofile", "-i"]
PROMPT = {"PS1": "(ready)", "HISTFILE": "", "TERM": "dumb"}


@compat.table
class TerminalTest(compat.CompatTest):
    def open_terminal(self):
        self.master, self.slave = pty.openpty()
        self.screen = b""
        self.addCleanup(os.close, self.master)

    def start_on_terminal(self, *args, take=True, **how):
        """The session leader with its terminal, as `docker run -t` makes PID 1; without take, one of no session's."""
        self.open_terminal()
        run = self.start(*args, setup=(lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if take else None,
                         stdio=(self.slave,) * 3, **how)
        os.close(self.slave)
        return run

    def type(self, text):
        os.write(self.master, text)

    def shows(self, text):
        """Waits for this after what was waited for before."""
        os.set_blocking(self.master, False)

        def look():
            try:
                self.screen += os.read(self.master, 65536)
            except BlockingIOError:
                pass
            except OSError:
                self.fail(f"the terminal is gone: {self.screen}")
            before, found, after = self.screen.partition(text)
            self.screen = after if found else before
            return found
        self.eventually(look, lambda: f"no {text} on the terminal: {self.screen}")

    def there_is(self, name):
        self.eventually(lambda: any(process.name == name for process in self.runs[-1].members()),
                        lambda: f"no {name} runs")

    # One application below the init.

    @row(TINI, CATATONIT, NATIVE)
    def the_child_has_the_foreground(self):
        run = self.start_on_terminal("--", *self.app(exit_on={}))
        app = self.event("start")
        self.assertEqual((app["foreground"], app["group"], app["session"]), (app["pid"], app["pid"], 1))
        self.keys_arrive(run, app)

    @row(DUMB_INIT)
    def the_childs_own_session_has_the_terminal(self):
        run = self.start_on_terminal("--", *self.app(exit_on={}))
        app = self.event("start")
        self.assertEqual((app["foreground"], app["group"], app["session"]), (app["pid"],) * 3)
        self.keys_arrive(run, app)

    def keys_arrive(self, run, app):
        """Each once, and from the terminal itself; the signals of the hand-over never."""
        self.type(b"\x03")
        self.event("signal", signal=signal.SIGINT)
        self.type(b"\x1c")
        self.event("signal", signal=signal.SIGQUIT)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, b"\x20\0\x40\0\0\0\0\0")
        self.event("signal", signal=signal.SIGWINCH)
        run.kill(signal.SIGTERM)
        self.event("signal", signal=signal.SIGTERM)
        self.no_event("signal")
        self.lives(app, run)

    @row(DUMB_INIT)
    def hang_up_and_continue_after_the_hand_over(self):
        """Only the first of each is taken for the terminal's."""
        run = self.start_on_terminal("--", *self.app(exit_on={}))
        app = self.event("start")
        for number in (signal.SIGHUP, signal.SIGCONT):
            run.kill(number)
            self.event("signal", signal=number)
        self.lives(app, run)

    @row(DUMB_INIT)
    def what_it_says_about_the_hand_over(self):
        self.open_terminal()
        run = self.start("-v", "--", *self.app(exit_on={}), setup=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                         stdio=(self.slave, self.slave, "pipe"))
        os.close(self.slave)
        app = self.event("start")
        detached = run.says("[dumb-init] Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we "
                            "receive.")
        for number in (signal.SIGHUP, signal.SIGCONT):
            run.says(f"[dumb-init] Received signal {number}.", after=detached)
            run.says(f"[dumb-init] Ignoring tty hand-off signal {number}.", after=detached)
        run.says("[dumb-init] setsid complete.")
        self.no_event("signal")
        self.lives(app, run)

    @row(*ALL)
    def a_terminal_that_is_not_the_controlling_one(self):
        run = self.start_on_terminal("--", *self.app(exit_on={}), take=False)
        self.lives(self.event("start"), run)

    # A shell below the init.

    def shell(self, *args, init=None, **how):
        run = self.start_on_terminal(*args, init=init, env=PROMPT, **how)
        self.shows(b"(ready)")
        return run

    def controls_jobs(self):
        """What is typed is not shown: the terminal echoes it, so no word of it is waited for."""
        shell = os.tcgetpgrp(self.master)

        def has_handed_over():
            self.eventually(lambda: os.tcgetpgrp(self.master) != shell, lambda: "the shell keeps the terminal")
        self.type(b"/bin/sleep 1000\n")
        has_handed_over()
        self.there_is("sleep")
        self.type(b"\x1a")
        self.shows(b"Stopped")
        self.shows(b"(ready)")
        self.type(b"fg\n")
        self.shows(b"/bin/sleep 1000")
        has_handed_over()
        self.type(b"\x03")
        self.shows(b"(ready)")

    @row(*ALL, defect_of=[CATATONIT])
    def job_control_below_pid_1(self):
        run = self.shell("--", *BASH)
        self.controls_jobs()
        self.type(b"exit 7\n")
        run.end(7)

    @row(DUMB_INIT)
    def job_control_below_pid_1_with_c(self):
        run = self.shell("-c", "--", *BASH)
        self.controls_jobs()
        self.type(b"exit 7\n")
        run.end(7)

    @row(*ALL, defect_of=(DUMB_INIT, CATATONIT))
    def job_control_below_an_init_that_is_no_session_leader(self):
        run = self.shell(init=BASH)
        self.type(f"{' '.join(self.init)} -- /bin/bash --norc --noprofile -i\n".encode())
        self.shows(b"(ready)")
        self.controls_jobs()
        self.type(b"exit 5\n")
        self.shows(b"(ready)")
        self.type(b"exit $?\n")
        run.end(5)

    @row(*ALL, defect_of=(TINI, CATATONIT))
    def in_the_background_of_a_shell(self):
        """tini and catatonit take the terminal, and the shell ends."""
        run = self.shell(init=BASH)
        gate = os.path.join(self.folder(), "gate")
        os.mkfifo(gate)
        self.type(f"{{ read < {gate}; exec {' '.join(self.init)} -- /bin/sleep 1000; }} &\n".encode())
        self.shows(b"(ready)")  # the shell has done all it does with the terminal
        with open(gate, "w", encoding="utf-8") as open_gate:
            open_gate.write("\n")
        self.there_is("sleep")
        self.type(b"echo al''ive\n")
        self.shows(b"alive")
        self.type(b"kill -9 $!; exit 7\n")
        run.wait_for(lambda: run.status is not None, "the end of the shell")
        self.assertEqual(os.waitstatus_to_exitcode(run.status), 7)

    @row(TINI, CATATONIT, NATIVE)
    def in_the_foreground_of_a_shell(self):
        run = self.shell(init=BASH)
        self.type(f"{' '.join(self.init)} -- /bin/sleep 1000\n".encode())
        self.there_is("sleep")
        self.type(b"\x03")
        self.shows(b"(ready)")
        self.type(b"exit $?\n")
        run.end(130)


if __name__ == "__main__":
    xml_runner.main()
