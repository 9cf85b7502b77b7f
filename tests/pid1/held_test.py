"""Stop-first reloads under load. With a held socket no connection is refused, reset or late; without one some are."""

import os
import signal
import socket
import threading
import time

import harness
import xml_runner

RELOADS = 20
CLIENTS = 4
PATIENCE = 20.0  # seconds that a request may wait for the new process; only a connection that is lost takes as long

# Answers with its generation, and ends when asked to, once the request at hand is answered.
SERVER = """
import http.server, os, signal, socket, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["REINIT_GENERATION"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.HTTPServer.address_family = socket.AF_UNIX if "unix" in sys.argv else socket.AF_INET
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler, False)
if "held" in sys.argv:
    server.socket = socket.socket(fileno=3)
    server.socket.setblocking(False)  # the other generation may take what this one was woken for
    server.server_name, server.server_port = "held", 0
    server.get_request = lambda: (server.socket.accept()[0], ("client", 0))
else:
    server.server_bind()
    server.server_activate()
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.01)
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Load:
    """Clients that make one new connection after the other, and count."""

    def __init__(self, family, address):
        self.family, self.address = family, address
        self.answers, self.failures, self.longest = {}, [], 0.0
        self.latest, self.in_a_row = 0, 0  # the generation that answered last, and how often without another between
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        while not self.ended.is_set():
            began = time.monotonic()
            try:
                generation = self.ask()
            except OSError as error:
                self.failures.append(repr(error))
                time.sleep(0.001)  # the pace of failures, not a wait for anything
                continue
            with self.lock:
                self.note(generation, time.monotonic() - began)

    def note(self, generation, seconds):
        self.longest = max(self.longest, seconds)
        self.answers[generation] = self.answers.get(generation, 0) + 1
        self.in_a_row = self.in_a_row + 1 if generation == self.latest else 1
        self.latest = generation

    def total(self):
        return sum(self.answers.values())

    def summary(self):
        return f"{self.total()} answers, {len(self.failures)} failures, longest wait {self.longest * 1000:.0f} ms"

    def ask(self):
        with socket.socket(self.family) as client:
            client.settimeout(PATIENCE)
            client.connect(self.address)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b""
            while chunk := client.recv(4096):
                text += chunk
        head, _, body = text.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1") or not body:
            raise ConnectionError(f"no answer: {text!r}")
        return int(body)


# Answers with its generation, and removes the path of the held socket when it ends, as gunicorn and php-fpm do.
REMOVER = """
import os, select, signal, socket, sys
path = sys.argv[1]
server = socket.socket(fileno=3)
answers = {server: os.environ["REINIT_GENERATION"]}
if "own" in sys.argv:  # a socket of its own at the path
    os.unlink(path)
    own = socket.socket(socket.AF_UNIX)
    own.bind(path)
    own.listen(64)
    answers = {server: "0", own: os.environ["REINIT_GENERATION"]}
for one in answers:
    one.setblocking(False)
stop, told = os.pipe()
os.set_blocking(told, False)
kept = None  # a request that takes long
signal.set_wakeup_fd(told)
signal.signal(signal.SIGTERM, lambda *_: None)
while stop not in (ready := select.select([*answers, stop], [], [])[0]):
    for one in ready:
        try:
            with one.accept()[0] as client:
                client.setblocking(True)
                client.sendall(answers[one].encode())
                if "drains" in sys.argv and kept is None:
                    kept = client.dup()
        except BlockingIOError:
            pass  # the other generation has taken it
if "own" not in sys.argv:
    os.unlink(path)
if kept:
    kept.recv(1)
os._exit(1 if "fails" in sys.argv else 0)
"""


class RemovedPathTest(harness.Pid1Test):
    """The process removes the path of the held socket when it ends."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder(), "s")

    def ask(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.path)
            return int(client.recv(16))

    def serve(self, order, *how):
        run = self.start(f"--listen=unix:{self.path}", f"--restart-order={order}", "--reload-signal=HUP",
                         "--stop-timeout=20s", "--restart=on-failure", "--restart-delay=1ms", "--", harness.PYTHON, "-SEc",
                         REMOVER, self.path, *how)
        run.says("ready after")
        return run

    def connect_for_ever(self, ended, failures):
        while not ended.is_set():
            try:
                self.ask()
            except OSError as error:
                failures.append(error)
                time.sleep(0.001)  # the pace of failures, not a wait for anything

    def check_restarts(self, run, restart, count):
        inode, ended, failures = os.stat(self.path).st_ino, threading.Event(), []
        client = threading.Thread(target=self.connect_for_ever, args=(ended, failures), daemon=True)
        client.start()
        for generation in range(2, count + 2):
            before = len(run.stderr.splitlines())
            restart(run)
            run.says("the process removed its file; restored", after=before)
            run.says("ready after", after=before)
            self.assertEqual([self.ask() for _ in range(3)], [generation] * 3)
            self.assertEqual(os.stat(self.path).st_ino, inode)
        ended.set()
        client.join()
        run.kill(signal.SIGTERM)
        run.end()
        # Between its removal and the end of the process nothing is at the path. Who is connected by then is answered.
        self.assertEqual([error for error in failures if not isinstance(error, FileNotFoundError)], [])
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])

    def test_start_first(self):
        self.check_restarts(self.serve("start-first"), lambda run: run.kill(signal.SIGHUP), RELOADS)

    def test_stop_first(self):
        self.check_restarts(self.serve("stop-first"), lambda run: run.kill(signal.SIGHUP), RELOADS)

    def test_failure(self):
        """It ends by itself, in reinit's eyes."""
        def end(run):
            helpers = run.helpers().values()
            for process in run.members():
                if process.parent == run.host and process.host not in helpers and process.name != "reinit":
                    os.kill(process.host, signal.SIGTERM)
        self.check_restarts(self.serve("stop-first", "fails"), end, 3)

    def test_a_long_request_of_the_process_before(self):
        """It removes the path when it is told to stop, as gunicorn does, and ends much later."""
        run = self.serve("start-first", "drains")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            self.assertEqual(client.recv(16), b"1")
            run.kill(signal.SIGHUP)
            run.says("the process removed its file; restored")
            self.assertEqual([self.ask() for _ in range(3)], [2] * 3)
            client.setblocking(False)
            with self.assertRaises(BlockingIOError):
                client.recv(1)  # not ended yet
        run.kill(signal.SIGTERM)
        run.end()

    def test_twin_that_binds_the_path_itself(self):
        """Its socket is left alone."""
        run = self.serve("start-first", "own")
        for generation in (2, 3, 4):
            before = len(run.stderr.splitlines())
            run.kill(signal.SIGHUP)
            run.says("ready after", after=before)
            # The generation before has ended, or is about to; each start comes after the check at the end before.
            self.assertEqual([self.ask() for _ in range(3)], [generation] * 3)
        run.kill(signal.SIGTERM)
        run.end()


class HeldTest(harness.Pid1Test):
    def reload_under_load(self, run, family, address, reloads=RELOADS):
        with Load(family, address) as load:
            for generation in range(1, reloads + 2):
                if generation > 1:
                    run.kill(signal.SIGHUP)
                self.eventually(lambda: load.answers.get(generation, 0) >= 20,
                                lambda: f"generation {generation} does not answer: {load.answers} {load.failures[-3:]}")
        run.kill(signal.SIGTERM)
        run.end()
        print(f"    {load.summary()}")
        return load

    def flags(self):
        return ["--reload-signal=HUP", "--stop-timeout=20s"]

    def server(self, *arguments):
        return ["--", harness.PYTHON, "-SEc", SERVER, *arguments]

    def test_http_server(self):
        port = free_port()
        run = self.start(f"--listen=tcp://127.0.0.1:{port}", *self.flags(), *self.server(str(port), "held"))
        run.says("ready after")
        load = self.reload_under_load(run, socket.AF_INET, ("127.0.0.1", port))
        self.assertEqual(load.failures, [])

    def test_http_server_on_a_unix_socket(self):
        path = os.path.join(self.folder(), "s")
        run = self.start(f"--listen=unix:{path}", *self.flags(), *self.server("0", "held", "unix"))
        run.says("ready after")
        load = self.reload_under_load(run, socket.AF_UNIX, path)
        self.assertEqual(load.failures, [])

    def test_twin_that_binds_its_own_port(self):
        """The same server and load, without --listen: connections are refused."""
        port = free_port()
        run = self.start(*self.flags(), *self.server(str(port)))
        run.says("started process")
        load = self.reload_under_load(run, socket.AF_INET, ("127.0.0.1", port))
        self.assertTrue(any("ConnectionRefused" in failure for failure in load.failures), load.failures[:3])


if __name__ == "__main__":
    xml_runner.main()
