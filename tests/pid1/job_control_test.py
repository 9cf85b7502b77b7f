"""A real interactive shell on a terminal that starts inits as its jobs: Ctrl-Z, fg, bg, background, what comes after."""

import fcntl
import os
import pty
import re
import shutil
import termios

import harness
import xml_runner

BASH = "/bin/bash"
READY = r"ready> $"


def peer(name):
    return shutil.which(name) or f"/usr/bin/{name}"


@harness.with_twins
class JobControlTest(harness.Pid1Test):
    """The shell is PID 1 of the namespace, so the init is not. `init` is what it runs."""

    def shell(self):
        self.master, slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        os.set_blocking(self.master, False)
        self.screen, self.mark = "", 0
        run = self.start("--norc", "--noediting", "-i", init=[BASH], stdio=(slave,) * 3, env={"PS1": "ready> ", "TERM": "dumb"},
                         setup=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.shows(READY)
        return run

    def type(self, text):
        os.write(self.master, text.encode())

    def run_line(self, line):
        """Types a line and waits until the terminal has shown it."""
        self.type(line + "\r")
        self.shows(re.escape(line[-20:]) + r"\r\n")

    def shows(self, pattern):
        found = None

        def look():
            nonlocal found
            try:
                self.screen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                pass
            found = re.search(pattern, self.screen[self.mark:])
            return found
        self.eventually(look, lambda: f"no {pattern!r} on the terminal: {self.screen}")
        self.mark += found.end()

    def command(self, *flags):
        return " ".join([*self.init, *flags])

    def sleeping(self, run):
        return {process.host for process in run.members() if process.name == "sleep"}

    def leave(self, run):
        self.type("exit 0\r")
        run.end(0)

    @harness.twin(peer("tini"), "-s", needs=peer("tini"))
    @harness.twin(peer("catatonit"), needs=peer("catatonit"))
    def test_control_z_and_fg(self):
        run = self.shell()
        self.run_line(f"{self.command()} /bin/cat")
        self.type("one\r")
        self.shows("one\r\none\r\n")
        self.type("\x1a")
        self.shows("Stopped")
        self.shows(READY)
        self.run_line("fg")
        self.shows("/bin/cat\r\n")
        self.type("two\r")
        self.shows("two\r\ntwo\r\n")
        self.type("\x04")
        self.shows(READY)
        self.leave(run)

    def test_twice_and_in_the_background(self):
        run = self.shell()
        self.run_line(f"{self.command()} /bin/sh -c 'while read line; do echo got $line; done; exit 7'")
        for word in ("one", "two"):
            self.type(word + "\r")
            self.shows(f"got {word}")
            self.type("\x1a")
            self.shows("Stopped")
            self.shows(READY)
            self.run_line("bg")
            self.shows(READY)
            # It reads in the background, so the kernel stops it again, and the shell hears of that, too.
            self.run_line("wait; echo waited")
            self.shows("waited")
            self.shows(READY)
            self.run_line("fg")
        self.type("\x04")
        self.shows(READY)
        self.run_line("echo status $?")
        self.shows("status 7")
        self.leave(run)

    def test_a_whole_pipeline(self):
        run = self.shell()
        self.run_line(f"{self.command()} /bin/sh -c 'cat | cat'")
        # Sooner it may be the shell's own.
        self.eventually(lambda: [p.name for p in run.members()].count("cat") == 2, lambda: "no two cats")
        self.type("\x1a")
        self.shows("Stopped")
        self.shows(READY)
        self.run_line("fg")
        self.shows("cat | cat.*\r\n")
        self.type("both\r")
        self.shows("both\r\nboth\r\n")
        self.type("\x04")
        self.shows(READY)
        self.leave(run)

    def test_control_c(self):
        run = self.shell()
        self.run_line(f"{self.command()} /bin/sleep 1000")
        self.eventually(lambda: self.sleeping(run), lambda: "no sleep")
        self.type("\x03")
        self.shows(READY)
        self.run_line("echo status $?")
        self.shows("status 130")
        self.leave(run)

    def test_kill_a_stopped_job(self):
        run = self.shell()
        self.run_line(f"{self.command()} /bin/sleep 1000")
        self.eventually(lambda: self.sleeping(run), lambda: "no sleep")
        self.type("\x1a")
        self.shows("Stopped")
        self.shows(READY)
        self.run_line("kill %1")
        # But for the shell, which may reap with its next command only.
        self.eventually(lambda: sum(p.state != "Z" for p in run.members()) == 1, lambda: f"still there: {run.members()}")
        self.run_line("jobs")
        self.shows("Exit 143")
        self.leave(run)

    @harness.twin(peer("tini"), "-s", needs=peer("tini"))
    @harness.twin(peer("catatonit"), needs=peer("catatonit"))
    def test_started_in_the_background(self):
        """The terminal stays with the shell."""
        run = self.shell()
        self.run_line(f"{self.command()} /bin/sleep 1000 &")
        self.shows(READY)
        self.eventually(lambda: self.sleeping(run), lambda: "no sleep")
        self.run_line("echo still $((40 + 2))")
        self.shows("still 42")
        self.run_line("kill %1; wait %1; echo status $?")
        self.shows("status 143")
        self.leave(run)

    def test_a_supervised_one_in_the_background(self):
        run = self.shell()
        self.run_line(f"{self.command('--restart=always', '--log-level=error')} /bin/sleep 1000 &")
        self.shows(READY)
        self.eventually(lambda: self.sleeping(run), lambda: "no sleep")
        self.run_line("echo still $((40 + 2))")
        self.shows("still 42")
        self.run_line("kill %1; wait %1; echo status $?")
        self.shows("status 143")
        self.leave(run)

    def test_supervised_control_z_and_fg(self):
        run = self.shell()
        self.run_line(f"{self.command('--restart=on-failure', '--log-level=error')} /bin/cat")
        self.type("one\r")
        self.shows("one\r\none\r\n")
        self.type("\x1a")
        self.shows("Stopped")
        self.shows(READY)
        self.run_line("fg")
        self.shows("/bin/cat\r\n")
        self.type("two\r")
        self.shows("two\r\ntwo\r\n")
        self.type("\x04")
        self.shows(READY)
        self.leave(run)

    def test_the_next_process_can_read_the_terminal(self):
        """After a reload, and after one that had taken the foreground for a group of its own."""
        folder = self.folder()
        run = self.shell()
        inner = "echo ready; read line; echo got $line; sleep 1000"
        for shell in (f"/bin/sh -c '{inner}'", f"{BASH} --norc -ic '{inner}'"):
            self.write(folder + "/file", "first")
            self.run_line(f"{self.command('--watch=' + folder, '--watch-mode=poll', '--reload-delay=50ms')} {shell}")
            former = set()
            for word in ("one", "two"):
                self.shows("ready\r\n")
                self.type(word + "\r")
                self.shows(f"got {word}\r\n")
                # A Ctrl-C that comes just before its next command the shell keeps until that has ended.
                self.eventually(lambda: self.sleeping(run) - former, lambda: "no sleep")
                former = self.sleeping(run)
                if word == "one":
                    self.write(folder + "/file", "second")
            self.type("\x03")
            self.shows(READY)
        self.leave(run)

    def test_a_script_goes_on_on_the_terminal(self):
        """Without job control the shell never takes the terminal back itself: what reads next would fail."""
        run = self.shell()
        self.run_line(f"/bin/sh -c '{self.command()} /bin/true; read line; echo got $line'")
        self.type("something\r")
        self.shows("got something")
        self.shows(READY)
        self.leave(run)


if __name__ == "__main__":
    xml_runner.main()
