"""On a terminal: who has the foreground, what Ctrl-C does, and shells that must not lose theirs."""

import fcntl
import os
import pty
import shutil
import signal
import termios

import harness
import xml_runner

TERM, INT = signal.SIGTERM, signal.SIGINT
TINI = harness.TINI or "/usr/bin/tini"
# Starts its command again and again, and does nothing for the terminal.
LOOP = ["/bin/sh", "-c", 'while [ "$1" != -- ]; do shift; done; shift; while :; do "$@"; done', "loop"]
VIM = shutil.which("vim") or "/usr/bin/vim"
# What a full-screen program has turned on.
OFF = [b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?2004l", b"\x1b[?25h"]


@harness.with_twins
class TerminalTest(harness.Pid1Test):
    def open_terminal(self):
        self.master, self.slave = pty.openpty()
        self.screen = b""
        self.addCleanup(os.close, self.master)

    def take(self):
        """Becomes the controlling terminal of the session, as `docker run -t` makes it."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def start_on_terminal(self, *flags, config=None, **how):
        self.open_terminal()
        run, app = self.start_app(*flags, config=config, setup=self.take, stdio=(self.slave,) * 3, **how)
        os.close(self.slave)
        return run, app

    def type(self, text):
        os.write(self.master, text)

    def shows(self, text):
        os.set_blocking(self.master, False)

        def look():
            try:
                self.screen += os.read(self.master, 65536)
            except BlockingIOError:
                pass
            except OSError:
                self.fail(f"the terminal is gone: {self.screen}")
            return text in self.screen
        self.eventually(look, lambda: f"no {text} on the terminal: {self.screen}")

    def modes(self):
        """Of the terminal, asked at our end of it."""
        return termios.tcgetattr(self.master)

    def echoes(self):
        return bool(self.modes()[3] & termios.ECHO)

    def die_in_full_screen(self, app):
        self.tell(app, "full_screen")
        self.event("wrote")
        self.assertFalse(self.echoes())
        self.tell(app, "die", signal_number=signal.SIGKILL)

    def has_echo_and_control_c(self):
        """What is typed is shown, read as a line, and Ctrl-C ends the process, which is `cat`, and reinit."""
        self.screen = b""
        self.type(b"a line\n")
        self.shows(b"a line\r\na line\r\n")
        self.type(b"\x03")

    def run_once_then_cat(self, *command, **how):
        """The first process is `command`, and each further one is `cat`."""
        script = 'test -e "$0" && exec cat; touch "$0"; exec "$@"'
        self.open_terminal()
        run = self.start("--restart=always", "--restart-delay=1ms", "--", "/bin/sh", "-c", script, self.folder() + "/ran",
                         *command, setup=self.take, stdio=(self.slave,) * 3, **how)
        os.close(self.slave)
        return run

    def kill_named(self, run, name):
        def found():
            return [process.host for process in run.members() if process.name == name]
        self.eventually(found, lambda: f"no {name} runs: {run.members()}")
        os.kill(found()[0], signal.SIGKILL)
        self.eventually(lambda: any(process.name == "cat" for process in run.members()), lambda: f"no cat: {run.members()}")

    @harness.twin(*LOOP)
    def test_after_a_process_that_died_in_full_screen(self):
        """The next one has echo and Ctrl-C, on the main screen."""
        run, app = self.start_on_terminal("--restart=always", "--restart-delay=1ms", config={"exit_on": {"2": 6}})
        for _ in range(2):
            self.screen = b""
            self.die_in_full_screen(app)
            app = self.event("start")
            for sequence in OFF:
                self.shows(sequence)
            self.type(b"a line\n")
            self.shows(b"a line\r\n")
            self.tell(app, "read", fd=0, size=100)
            self.assertEqual(self.event("read")["text"], "a line\n")
        self.type(b"\x03")
        self.event("signal", signal=INT)
        run.end(6)

    def test_while_waiting_for_a_change(self):
        run, app = self.start_on_terminal("--after-exit=wait")
        self.die_in_full_screen(app)
        self.shows(b"waiting for a change")
        for sequence in OFF:
            self.assertIn(sequence, self.screen.split(b"waiting for a change")[0])
        self.assertTrue(self.echoes())
        self.type(b"\x03")
        run.end(130)

    def test_after_the_end(self):
        """The shell that ran reinit gets its terminal as it was, whether the process or what it left behind changed it."""
        itself = "import os, tty; tty.setraw(0, 0); os.kill(os.getpid(), 9)"
        # That one is stopped after the end of the process.
        left = ("import os, signal, tty; signal.pthread_sigmask(0, {15}); os.kill(os.getppid(), 9); signal.sigwait({15}); "
                "tty.setraw(0, 0); os.kill(os.getpid(), 9)")
        for command in (f"exec {harness.PYTHON} -c '{itself}'", f"{harness.PYTHON} -c '{left}'; true"):
            with self.subTest(command=command):
                self.open_terminal()
                self.addCleanup(os.close, self.slave)
                before = self.modes()
                run = self.start(f"--watch={self.folder()}", "--", "/bin/sh", "-c", command, setup=self.take,
                                 stdio=(self.slave,) * 3)
                run.end(137)
                self.shows(OFF[0])
                self.assertEqual(self.modes(), before)

    def test_nothing_is_written_after_one_that_tidied_up(self):
        run, app = self.start_on_terminal("--restart=always", "--restart-delay=1ms", config={"exit_on": {"2": 6}})
        self.tell(app, "die", signal_number=signal.SIGKILL)
        self.event("start")
        self.type(b"\x03")
        self.event("signal", signal=INT)
        self.shows(b"SIGINT")
        self.assertNotIn(b"\x1b", self.screen)
        run.end(6)

    def test_a_plain_init_leaves_the_modes_to_the_process(self):
        """As the originals do: `stty` as the command of a container has an effect."""
        self.open_terminal()
        self.addCleanup(os.close, self.slave)
        run = self.start("--", "/bin/stty", "-echo", setup=self.take, stdio=(self.slave,) * 3)
        run.end(0)
        self.assertFalse(self.echoes())

    @harness.twin(*LOOP)
    def test_after_pdb(self):
        python = harness.PYTHON
        run = self.run_once_then_cat(python, "-c", "import pdb; pdb.set_trace()", env={"TERM": "xterm"})
        self.shows(b"(Pdb) ")
        if self.echoes():
            self.skipTest(f"pdb of {python} edits no lines: its readline module is missing")
        self.kill_named(run, os.path.basename(python))
        self.has_echo_and_control_c()
        run.end(130)

    @harness.twin(*LOOP)
    def test_after_vim(self):
        if not os.path.exists(VIM):
            self.skipTest(f"{VIM} is not installed")
        run = self.run_once_then_cat(VIM, "-u", "NONE", "-c", "set mouse=a", env={"TERM": "xterm"})
        self.shows(b"\x1b[?1049h")
        self.shows(b"\x1b[?1002h")
        self.eventually(lambda: not self.echoes(), lambda: "vim does not set raw mode")
        self.screen = b""
        self.kill_named(run, "vim")
        for sequence in OFF:
            self.shows(sequence)
        self.has_echo_and_control_c()
        run.end(130)

    @harness.twin(*harness.BAD_INIT)
    def test_a_plain_init_hands_the_foreground_on(self):
        run, app = self.start_on_terminal(config={"exit_on": {"15": 0}})
        self.assertEqual(app["group"], app["pid"])
        self.assertEqual(app["foreground"], app["pid"])
        self.type(b"\x03")
        self.event("signal", signal=INT)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, b"\x20\0\x40\0\0\0\0\0")
        self.event("signal", signal=signal.SIGWINCH)
        run.kill(TERM)
        run.end(0)
        self.no_event("signal", signal=INT)

    def test_control_z_stops_only_the_application(self):
        run, app = self.start_on_terminal(config={"exit_on": {"15": 0}})
        self.type(b"\x1a")
        self.event("signal", signal=signal.SIGTSTP)
        self.type(b"\x1c")
        self.event("signal", signal=signal.SIGQUIT)
        run.kill(TERM)
        run.end(0)

    def test_control_c_when_supervising_reaches_both_once(self):
        for pid1 in (True, False):
            with self.subTest(pid1=pid1):
                run, app = self.start_on_terminal("--restart=always", config={"exit_on": {"10": 6}}, pid1=pid1)
                self.type(b"\x03")
                self.event("signal", signal=INT)
                # It is over for reinit, too: nothing restarts.
                run.kill(signal.SIGUSR1)
                self.event("signal", signal=signal.SIGUSR1)
                run.end(6)
                self.no_event("signal", signal=INT)
                self.no_event("start")

    def test_two_control_c_kill(self):
        run, app = self.start_on_terminal("--restart=always", config={"exit_on": {}})
        self.type(b"\x03")
        self.event("signal", signal=INT)
        # Sent by reinit, which so has seen the first one: two that still wait are one.
        self.event("signal", signal=signal.SIGCONT)
        self.type(b"\x03")
        run.end(137)

    def test_a_terminal_that_goes_away(self):
        run, app = self.start_on_terminal("--restart=always", "--log-level=debug", config={"exit_on": {"15": 3}})
        os.dup2(os.open("/dev/null", os.O_RDWR), self.master)
        run.kill(TERM)
        run.end(3)

    def test_a_hang_up_reaches_the_process_and_ends_both(self):
        """The kernel tells the session leader only."""
        run, app = self.start_on_terminal("--after-exit=wait", config={"exit_on": {"1": 3}})
        os.dup2(os.open("/dev/null", os.O_RDWR), self.master)
        self.event("signal", signal=signal.SIGHUP)
        run.end(3)

    def test_a_terminal_that_is_stopped_does_not_hang_it(self):
        """Ctrl-S: writes to the terminal block, those of PID 1 must not."""
        run, app = self.start_on_terminal("--restart=always", "--log-level=debug", "--restart-delay=1ms",
                                          config={"exit_on": {"15": 3}})
        self.type(b"\x13")
        for _ in range(3):
            self.tell(app, "exit", code=1)
            app = self.event("start")
        run.kill(TERM)
        run.end(3)

    @harness.twin(TINI, needs=TINI)
    def test_in_the_background_of_a_shell(self):
        """tini and catatonit take the terminal, and the shell ends."""
        self.open_terminal()
        name = self.init[0]
        run = self.start("-i", setup=self.take, stdio=(self.slave,) * 3, init=["/bin/sh"],
                         env={"PS1": "$ ", "ENV": "", "HISTFILE": ""})
        os.close(self.slave)
        self.shows(b"$ ")
        self.type(f"{name} -- /bin/sleep 1000 &\n".encode())
        self.eventually(lambda: any(p.name == "sleep" for p in run.members()), lambda: "no sleep runs")
        self.type(b"echo al''ive\n")
        self.shows(b"alive")
        self.type(b"kill -9 $!; exit 7\n")
        run.wait_for(lambda: run.status is not None, "the end of the shell")
        self.assertEqual(os.waitstatus_to_exitcode(run.status), 7)


if __name__ == "__main__":
    xml_runner.main()
