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
        self.path = test.folder()
        self.process = subprocess.Popen(
            [engine.which("bindfs"), "-f", "-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0", source, self.path],
            stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        test.eventually(lambda: os.path.ismount(self.path) or self.process.poll() is not None, lambda: "no mount")
        if self.process.poll() is not None:
            test.skipTest(f"bindfs: {self.process.stderr.read().strip()}")

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def waits(self):
        """Whether it is at work on a request that waits for another such file system."""
        tasks = f"/proc/{self.process.pid}/task"
        return any("request_wait" in harness.proc(self.process.pid, f"task/{task}/wchan") for task in os.listdir(tasks))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        subprocess.run(["umount", "-l", self.path], check=False, stderr=subprocess.DEVNULL)
