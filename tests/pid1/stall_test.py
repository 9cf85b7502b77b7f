"""--health=stall: connections wait, nobody takes them, and the process does nothing."""

import signal
import socket

import harness
import xml_runner

FLAGS = ["--listen=web=tcp://127.0.0.1:0", "--health=stall:", "--health-interval=50ms", "--health-timeout=300ms",
         "--health-retries=1", "--restart-delay=1ms", "--log-level=debug", "--stop-timeout=1s"]
# One thing at a time: a request for /hang or /spin is the last one that it takes.
SERVER = """
import os, socket, sys, time
print("port", sys.argv[1], flush=True)
listener = socket.socket(fileno=3)
while True:
    client = listener.accept()[0]
    path = client.recv(4096).split()[1]
    print("asked", path.decode(), flush=True)
    while path == b"/spin": pass
    while path == b"/hang": time.sleep(1000)
    if path == b"/slow": time.sleep(0.2)
    client.sendall(os.environ["REINIT_GENERATION"].encode())
    client.close()
"""
TAKEN = "health check stall:: connections are taken"
BUSY = "health check stall:: connections wait, but the process is busy"


class StallTest(harness.Pid1Test):
    def serve(self, *flags):
        run = self.start(*FLAGS, *flags, "--", harness.PYTHON, "-SEc", SERVER, "{port:web}")
        self.prints(run, "port")
        run.says(TAKEN)
        self.port = int(run.stdout.split()[1])
        return run

    def prints(self, run, text):
        self.wait_for(lambda: text in run.stdout, text)

    def ask(self, path):
        client = socket.create_connection(("127.0.0.1", self.port), self.deadline)
        self.addCleanup(client.close)
        client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return client

    def test_one_that_hangs_is_restarted(self):
        run = self.serve()
        self.ask("/hang")
        self.prints(run, "asked /hang")
        client = self.ask("/")
        self.assertEqual(client.recv(100), b"2", "the new one takes what has waited")
        run.says("1 connections wait at web (127.0.0.1:")
        run.kill(signal.SIGTERM)
        run.end(143)

    def test_one_that_is_busy_is_not(self):
        """The twin."""
        run = self.serve()
        self.ask("/spin")
        self.prints(run, "asked /spin")
        self.ask("/")
        self.wait_for(lambda: run.stderr.count(BUSY) >= 3, "three checks")
        self.assertNotIn("none was taken", run.stderr)
        self.assertEqual(run.stdout.count("port"), 1)
        run.kill(signal.SIGTERM)
        run.end(143)

    def test_one_that_is_slow_is_not(self):
        """Nor is this one, at which more arrive than it takes: it takes them all the same."""
        run = self.serve("--health-timeout=1s")
        self.ask("/slow")
        before, answered = run.stderr.count(TAKEN), 0

        def five_checks():
            nonlocal answered
            while answered < run.stdout.count("asked"):
                answered += 1
                for _ in range(10):
                    self.ask("/slow")
            return run.stderr.count(TAKEN) >= before + 5
        self.wait_for(five_checks, "five checks")
        self.assertNotIn("none was taken", run.stderr)
        self.assertEqual(run.stdout.count("port"), 1)
        run.kill(signal.SIGTERM)
        run.end(143)

    def test_needs_a_tcp_listener(self):
        run = self.start("--health=stall:", "--", "/bin/true")
        run.end(2)
        self.assertIn("--health=stall: there is no listening TCP socket; give one by --listen", run.stderr)


if __name__ == "__main__":
    xml_runner.main()
