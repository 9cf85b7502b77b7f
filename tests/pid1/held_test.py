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
