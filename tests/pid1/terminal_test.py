"""On a terminal: who has the foreground, what Ctrl-C does, and shells that must not lose theirs."""

import fcntl
import os
import pty
import signal
import termios

import harness
import xml_runner

TERM, INT = signal.SIGTERM, signal.SIGINT
TINI = harness.TINI or "/usr/bin/tini"


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
