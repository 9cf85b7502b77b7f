"""Gives the benchmarks of supervisors a process that reports its starts, and files to save."""

import os
import socket
import struct
import subprocess
import time

PROBE = os.path.abspath(os.environ.get("REINIT_WATCH_PROBE", "tests/bench/watch_probe"))
PER_FOLDER = 40


class Reports:
    """Receives the reports of `command`, which sends the time as its first act."""

    def __init__(self, folder):
        path = os.path.join(folder, "reports")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(path)
        self._path = path
        self.command = [PROBE, "child", path]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()
        os.unlink(self._path)

    def receive(self, seconds=60):
        """The time of the start in ns and the process's pid here; TimeoutError if no report comes."""
        self._socket.settimeout(seconds)
        data, control, _, _ = self._socket.recvmsg(8, 64)
        credentials = next(content for level, kind, content in control
                           if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS))
        return struct.unpack("=q", data)[0], struct.unpack("=iII", credentials)[0]

    def drain(self, quiet):
        """Takes reports until none has come for `quiet` seconds; gives their number."""
        count = 0
        while True:
            try:
                self.receive(quiet)
            except TimeoutError:
                return count
            count += 1


def make_tree(path, count):
    """Makes `count` empty files, PER_FOLDER in each folder; gives the path of one file in each folder."""
    some = []
    for number in range(count):
        folder = os.path.join(path, f"d{number // PER_FOLDER}")
        file = os.path.join(folder, f"f{number}.py")
        if number % PER_FOLDER == 0:
            os.makedirs(folder)
            some.append(file)
        os.mknod(file, 0o644)
    return some


def remove_tree(path):
    subprocess.run(["rm", "-rf", path], check=True)


def save(file):
    """Writes to a file; gives the time after the write, since the disk's time is not the watcher's."""
    with open(file, "ab", buffering=0) as out:
        out.write(b"\n")
        return time.monotonic_ns()
