"""Exchanges a server of servers.py again and again under load, in one of five ways, and tells what became of each request."""

import collections
import contextlib
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from servers import PATH, Site, is_here

REINIT = os.path.abspath(os.environ.get("REINIT", "cmd/reinit"))
LOAD = os.path.abspath(os.environ.get("REINIT_LOAD", "tests/servers/load"))
STARTER = {"start_server": "libserver-starter-perl"}

# naive: the server binds its own port, and is stopped before the next one starts. workers: start-first, with WORKERS.
WAYS = ("naive", "stop-first", "start-first", "workers", "start_server")
WORKERS = 4

CLIENTS = 4
PAUSE_US = 2000
PATIENCE_MS = 20_000  # only a connection that is lost takes as long
DEADLINE = 60.0
STEP = 25.0  # for one exchange
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

OUTCOMES = ("answered", "refused", "timed out", "cut off", "bad answer")  # as load.cc has them
Record = collections.namedtuple("Record", "began took version outcome")
_RECORD = struct.Struct("=qqii")


class NotExchanged(Exception):
    """The server does not start, or a new version does not come."""


class Result:
    """What became of the requests; times in seconds on the monotonic clock."""

    def __init__(self, records, log):
        self.records = sorted(records)
        self.log = log  # what reinit and the server have said
        self.counts = collections.Counter(record.outcome for record in self.records)
        self.longest = max((record.took for record in self.records), default=0)
        self.times = []  # when each new version was asked for

    def failed(self):
        return sum(self.counts.values()) - self.counts["answered"]

    def __str__(self):
        failed = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items() if outcome != "answered")
        return f"{self.counts['answered']} answered, {failed or 'none lost'}, longest wait {self.longest * 1000:.0f} ms"


def read_records(file):
    with open(file, "rb") as records:
        return [Record(began / 1e9, took / 1e9, version, OUTCOMES[outcome])
                for began, took, version, outcome in _RECORD.iter_unpack(records.read())]


def free_port():
    """Not one that the kernel gives to clients: those of a closed port would connect to themselves."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return [int(child) for child in children.read().split()]


def ask(client):
    """The whole answer of a connection."""
    client.sendall(REQUEST)
    text = b""
    while chunk := client.recv(4096):
        text += chunk
    return text


def on_descriptor_3(site):
    """The command of a server whose socket is descriptor 3, told in every form but start_server's own."""
    script = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web NGINX="3;" UNICORN_FD=3; export LISTEN_PID LISTEN_FDS ' \
             'LISTEN_FDNAMES NGINX UNICORN_FD; exec "$@"'
    return ["sh", "-c", script, "sh", *(word.replace("{fd:web}", "3") for word in site.command(held=True))]


def environment(site):
    return {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "PYTHONPATH": site.folder, "PYTHONDONTWRITEBYTECODE": "1",
            **{key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}}


class Keeper:
    """Whatever runs the server, in a PID namespace that ends with it. reinit is PID 1 there, start_server has one above."""

    def __init__(self, way, site, *flags):
        self.way, self.site, self.flags = way, site, flags
        self.said = b""
        command = self.starter() if way == "start_server" else self.reinit()
        self.launcher = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *command],
                                         env=environment(site), cwd=site.folder, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.stderr = self.launcher.stderr.fileno()
        os.set_blocking(self.stderr, False)

    def reinit(self):
        server = self.site.server
        flags = [f"--watch={self.site.path('changes')}", "--watch-settle=1ms", "--stop-timeout=20s", *self.flags]
        if self.way == "naive":
            flags += ["--reload-stop-signal=" + server.stop]
            return [REINIT, *flags, "--", *self.site.command(held=False)]
        scheme = "unix:" if self.site.server.unix else "tcp://"
        order = self.way
        if self.way == "workers":
            flags, order = [*flags, f"--workers={WORKERS}"], "start-first"
        flags = [f"--listen=web={scheme}{self.site.listen()}", f"--restart-order={order}", *server.reinit_flags(), *flags]
        return [REINIT, *flags, "--", *self.site.command(held=True)]

    def starter(self):
        stop = self.site.server.stop
        return ["start_server", f"--port=127.0.0.1:{self.site.port}=3", f"--signal-on-hup={stop}",
                f"--signal-on-term={stop}", "--", *on_descriptor_3(self.site)]

    def pid(self):
        return children_of(self.launcher.pid)[0]

    def main(self):
        """The process that reinit runs; its other children are itself, in a role."""
        init = self.pid()
        return next(child for child in children_of(init)
                    if os.readlink(f"/proc/{child}/exe") != os.readlink(f"/proc/{init}/exe"))

    def hear(self):
        """Takes what reinit and the server have said."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.stderr, 65536):
                self.said += chunk

    def text(self):
        self.hear()
        return self.said.decode(errors="replace")

    def ready(self, version):
        """reinit has seen that this version serves. The others say nothing of the kind."""
        self.hear()
        if self.way == "workers":
            all_ready, replaced = b"workers are ready after ", b"replaced %d workers in " % WORKERS
            return self.said.count(all_ready) + self.said.count(replaced) >= version
        return self.way in ("naive", "start_server") or self.said.count(b"ready after ") >= version

    def answer(self):
        """The body of an answer; None without one."""
        with contextlib.suppress(OSError), self.site.connect(STEP) as client:
            return ask(client).partition(b"\r\n\r\n")[2].decode()
        return None

    def wait_until(self, condition, what):
        """Looks again and again, since there is no event for an answer."""
        limit = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > limit or self.launcher.poll() is not None:
                raise NotExchanged(f"{self.site.server.name}, {self.way}: {what}\n{self.text()[-3000:]}")
            time.sleep(0.01)

    def wait_until_served(self):
        self.wait_until(self.answer, "does not start")

    def next(self, broken=False):
        """Asks for the next version."""
        self.site.next(broken)
        if self.way == "start_server":
            os.kill(self.pid(), signal.SIGHUP)

    def close(self):
        if self.launcher.poll() is None:
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self.pid(), signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.launcher.wait(10)
        self.launcher.kill()
        self.launcher.wait()
        self.launcher.stderr.close()


class Load:
    """The clients; they run until `close`."""

    def __init__(self, port, file, clients, pause):
        command = [LOAD, str(port), str(clients), str(pause), str(PATIENCE_MS), file]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.text = b""

    def wait_for(self, version, keeper):
        """Until this version has answered twenty times in a row, and counts as ready. False: not in time."""
        limit = time.monotonic() + STEP
        wanted = f"steady {version}\n".encode()
        while wanted not in self.text or not keeper.ready(version):
            if not select.select([self.process.stdout, keeper.stderr], [], [], max(0, limit - time.monotonic()))[0]:
                return False
            if select.select([self.process.stdout], [], [], 0)[0]:
                self.text += os.read(self.process.stdout.fileno(), 4096)
            if keeper.launcher.poll() is not None:
                return False
        return True

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@contextlib.contextmanager
def started(server, way, *flags):
    """The keeper of a server, `flags` are more of reinit's."""
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="reinit-exchange-", dir="/tmp")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.chmod(folder, 0o755)
        keeper = Keeper(way, Site(server, folder, free_port(), held=way != "naive"), *flags)
        stack.callback(keeper.close)
        yield keeper


@contextlib.contextmanager
def kept(server, way, *flags):
    """The same, once it serves its first version."""
    with started(server, way, *flags) as keeper:
        keeper.wait_until_served()
        yield keeper


def exchange(server, way, reloads, clients=CLIENTS, pause=PAUSE_US, gap=0.0):
    """Runs a server one way, exchanges it so often under load; the Result.

    Each client pauses so many µs after an answer; for a picture there are `gap` seconds more around each exchange.
    """
    with kept(server, way) as keeper, tempfile.TemporaryDirectory(prefix="reinit-load-", dir="/tmp") as folder:
        load = Load(keeper.site.port, f"{folder}/records", clients, pause)
        times = exchange_under(load, keeper, reloads, gap)
        load.close()
        result = Result(read_records(f"{folder}/records"), keeper.text())
        result.times = times
        return result


def exchange_under(load, keeper, reloads, gap):
    times = []
    for number in range(reloads + 1):
        if number:
            times.append(time.monotonic())
            keeper.next()
        if not load.wait_for(keeper.site.version, keeper):
            load.close()
            raise NotExchanged(f"{keeper.site.server.name}, {keeper.way}: version {keeper.site.version} does not come\n"
                               f"{keeper.text()[-3000:]}")
        time.sleep(gap)
    return times


def missing(servers, ways=()):
    """{program or file: package} of what is not here."""
    result = {}
    for server in servers:
        result.update(server.missing())
    if "start_server" in ways:
        result.update({name: package for name, package in STARTER.items() if not is_here(name)})
    return result
