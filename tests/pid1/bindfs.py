"""A FUSE file system, Debian's bindfs, that can be made to hang."""

import os
import signal
import subprocess

import engine
import harness


class Mount:
    """`source`, seen through bindfs at `path`. Made for a test, and gone at its end."""

    def __init__(self, test, source):
        try:
            engine.ensure_packages({"bindfs": "bindfs"})
        except engine.Unavailable as error:
            if os.environ.get("REINIT_REQUIRE_CONTAINERS") == "1":
                raise
            test.skipTest(f"no bindfs: {error}")
        self.test = test
        self.path = test.folder()
        self.process = subprocess.Popen(
            [engine.which("bindfs"), "-f", "-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0", source, self.path],
            stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        test.eventually(lambda: os.path.ismount(self.path) or self.process.poll() is not None, lambda: "no mount")
        if self.process.poll() is not None:
            test.skipTest(f"bindfs: {self.process.stderr.read().strip()}")

    def hang(self):
        """Answers nothing from now on. A request that it still took while it stopped would be one that no signal ends."""
        self.process.send_signal(signal.SIGSTOP)
        self.test.eventually(lambda: all(state == "T" for state in self.states()), lambda: f"it runs on: {self.states()}")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def threads(self, name):
        """The file `name` of each thread in /proc."""
        return [harness.proc(self.process.pid, f"task/{task}/{name}") for task in os.listdir(f"/proc/{self.process.pid}/task")]

    def states(self):
        return [stat.rpartition(") ")[2][:1] for stat in self.threads("stat")]

    def waits(self):
        """Whether it is at work on a request that waits for another such file system."""
        return any("request_wait" in wchan for wchan in self.threads("wchan"))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        subprocess.run(["umount", "-l", self.path], check=False, stderr=subprocess.DEVNULL)
