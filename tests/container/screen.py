"""A command on a terminal of its own, typed at and read by a test."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

DEADLINE = 30


class Screen:
    """Starts `command` with a new terminal as its controlling one. Use as a context manager."""

    def __init__(self, command, env):
        self.master, slave = pty.openpty()
        self.size(24, 80)
        self.text, self._mark = "", 0
        self.process = subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.master)
        self.process.kill()
        self.process.wait()

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def shows(self, pattern, deadline=DEADLINE):
        """Waits for text that matches, after what was found before."""
        limit = time.monotonic() + deadline
        while True:
            found = re.search(pattern, self.text[self._mark:])
            if found:
                self._mark += found.end()
                return found
            if not self._read(limit):
                raise AssertionError(f"no {pattern!r} on the terminal after:\n{self.text}")

    def has_size(self, rows, columns, pattern):
        """Makes it that large, and tells the command so again until it shows that it knows: `docker run` does not listen
        from the beginning."""
        self.size(rows, columns)
        limit = time.monotonic() + DEADLINE
        while True:
            self.process.send_signal(signal.SIGWINCH)
            try:
                return self.shows(pattern, 1)
            except AssertionError:
                if time.monotonic() > limit:
                    raise

    def end(self):
        """The exit status of the command, whose output is read to its end."""
        limit = time.monotonic() + DEADLINE
        while self._read(limit):
            pass
        return self.process.wait(max(0, limit - time.monotonic()))

    def _read(self, limit):
        """Takes what has come or comes until then. False if nothing does, or nobody has the terminal open any more."""
        if not select.select([self.master], [], [], max(0, limit - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)
