"""What the PID 1 tests share: a real reinit as PID 1 of a namespace, applications that tell what they see, a deadline.

Nothing here sleeps to synchronise: a test waits for what it expects (an application's report, a line of reinit, an
exit), and fails when that has not come by the deadline. Where the kernel has no event to wait for (a reaped child),
the condition is looked at again and again.
"""

import atexit
import contextlib
import ctypes
import json
import os
import select
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import unittest

import namespace
from run import Late, Process, Run, proc, status_fields  # noqa: F401 (the tests take them from here)

DEADLINE = float(os.environ.get("REINIT_TEST_DEADLINE", "30"))
TWIN_DEADLINE = 2.0
HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def _install():
    """Copies of what tests execute where any uid can reach them (runfiles may be below a closed home folder)."""
    folder = tempfile.mkdtemp(prefix="reinit-pid1-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chmod(folder, 0o755)
    source = os.environ.get("REINIT", "cmd/reinit")
    for path, name in ((source, "reinit"), (os.path.join(HERE, "app.py"), "app.py"),
                       (os.path.join(HERE, "bad_init.py"), "bad_init.py")):
        shutil.copyfile(path, os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o755)
    return folder


FOLDER = _install()
REINIT = os.path.join(FOLDER, "reinit")
APP = os.path.join(FOLDER, "app.py")
with open(REINIT, "rb") as binary:
    SANITIZED = b"__asan_init" in binary.read()
BAD_INIT = [PYTHON, "-SE", os.path.join(FOLDER, "bad_init.py")]
TINI = shutil.which("tini")


PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # of waitpid: also what is only traced


def hang(pid):
    """Holds a process as a debugger does: its parent is not told, as of SIGSTOP, and nothing but SIGKILL moves it."""
    libc = ctypes.CDLL(None, use_errno=True)
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, WALL)
    # Its end is the parent's to see only when we have seen it.
    threading.Thread(target=os.waitpid, args=(pid, WALL), daemon=True).start()


class Pid1Test(unittest.TestCase):
    """Base of all: `start` an init, take `event`s of its applications, `tell` them things, `end` it."""

    init = [REINIT]
    deadline = DEADLINE

    @classmethod
    def setUpClass(cls):
        reason = namespace.why_not()
        if reason:
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hub.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.hub_name = f"reinit-pid1-{os.getpid()}-{id(self)}"
        self.hub.bind("\0" + self.hub_name)
        self.addCleanup(self.hub.close)
        self.events, self.runs = [], []

    def folder(self):
        path = tempfile.mkdtemp(dir=FOLDER)
        os.chmod(path, 0o755)
        return path

    def write(self, path, text="", mode=0o644):
        """Makes or replaces a file by a rename from elsewhere, so that nobody sees half of it."""
        with tempfile.NamedTemporaryFile("w", dir=FOLDER, delete=False) as file:
            file.write(text)
        os.chmod(file.name, mode)
        os.rename(file.name, path)
        return path

    def full_pipe(self):
        """Both ends of a pipe into which nothing more can be written."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        size = 65536
        while size:
            try:
                os.write(writer, b"x" * size)
            except BlockingIOError:
                size //= 2
        os.set_blocking(writer, True)
        return reader, writer

    # Starting.

    def app(self, name="main", **config):
        config.update(name=name, socket=self.hub_name)
        return [PYTHON, "-SE", APP, json.dumps(config)]

    def start(self, *args, env=None, stdio=(None, "pipe", "pipe"), pid1=True, setup=None, init=None):
        variables = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        variables.update({k: v for k, v in os.environ.items() if k in ("ASAN_OPTIONS", "UBSAN_OPTIONS")})
        variables.update(env or {})
        run = Run(self, [*(init or self.init), *args], variables, stdio, pid1, setup)
        self.runs.append(run)
        self.addCleanup(run.destroy)
        return run

    def start_app(self, *flags, name="main", config=None, **how):
        """An init that runs the application; returns both once it has reported."""
        run = self.start(*flags, "--", *self.app(name, **(config or {})), **how)
        return run, self.event("start", name=name)

    # Waiting.

    def pump(self, timeout):
        """Takes what has come, or waits for something to come."""
        owners = {self.hub: None}
        for run in self.runs:
            owners.update({fd: run for fd in run.fds_to_watch() if fd is not None} if run.launcher else {})
        for fd in select.select(list(owners), [], [], max(timeout, 0))[0]:
            if fd is self.hub:
                self.take_event()
            else:
                owners[fd].on_readable(fd)

    def take_event(self):
        data, control, _, address = self.hub.recvmsg(1 << 18, 256)
        event = json.loads(data)
        for level, kind, payload in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                event["host"] = struct.unpack("iii", payload[:12])[0]
        event["address"] = address
        self.events.append(event)

    def wait_for(self, condition, what, deadline=None):
        limit = time.monotonic() + (deadline or self.deadline)
        while True:
            result = condition()
            if result:
                return result
            left = limit - time.monotonic()
            if left <= 0:
                raise Late(f"no {what() if callable(what) else what}\n{self.describe()}")
            self.pump(left)

    def eventually(self, condition, what):
        """For what has no event: looks again and again."""
        limit = time.monotonic() + self.deadline
        while not condition():
            if time.monotonic() > limit:
                raise Late(f"{what()}\n{self.describe()}")
            self.pump(0.01)

    def describe(self):
        return "".join(f"events not taken: {self.events}\nstderr:\n{run.stderr[-3000:]}\nstdout:\n{run.stdout[-3000:]}\n"
                       f"status: {run.status}, inside: {run.members()}\n" for run in self.runs[-1:])

    def event(self, kind, **match):
        """Takes the first report of this kind, from any application or as `match` says."""
        def take():
            for index, event in enumerate(self.events):
                if event["event"] == kind and all(event.get(key) == value for key, value in match.items()):
                    return self.events.pop(index)
            return None
        return self.wait_for(take, f"'{kind}' {match}")

    def no_event(self, kind, **match):
        """Nothing of this kind has come. Means something only after an event that would have come later."""
        self.pump(0)
        found = [e for e in self.events
                 if e["event"] == kind and all(e.get(key) == value for key, value in match.items())]
        self.assertEqual(found, [])

    def tell(self, app, do, **order):
        """Gives an application (its start report) an order."""
        self.hub.sendto(json.dumps({"do": do, **order}).encode(), app["address"])

    def ended(self, app):
        """Waits for the end of the process behind a report."""
        self.eventually(lambda: not self.alive(app), lambda: f"{app['name']} lives")

    def alive(self, app):
        try:
            return Process(proc(app["host"], "stat")).state not in "ZX"
        except OSError:
            return False


def twin(*init, needs=None, deadline=TWIN_DEADLINE):
    """The same test with a bad init must fail: else it tests nothing. `needs` is a program it cannot do without."""
    def decorate(method):
        method.twins = getattr(method, "twins", []) + [(list(init), needs, deadline)]
        return method
    return decorate


@contextlib.contextmanager
def no_sub_test(*_, **__):
    """Lets a failure through, which unittest's own would note and swallow."""
    yield


def with_twins(cls):
    """Class decorator: adds test_x__twin_y for each @twin of test_x."""
    for name, method in list(vars(cls).items()):
        for init, needs, deadline in getattr(method, "twins", []):
            def run_twin(self, method=method, init=init, needs=needs, deadline=deadline):
                if needs is not None and not os.path.exists(needs):
                    self.skipTest(f"{needs} is not installed")
                self.init, self.deadline, self.subTest = init, deadline, no_sub_test
                with self.assertRaises(AssertionError):
                    method(self)
            label = "tini" if needs else "bad_init"
            setattr(cls, f"{name}__twin_{label}", run_twin)
    return cls
