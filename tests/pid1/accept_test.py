"""--ready=accept: ready when the process serves the socket that it was passed, as /proc shows it."""

import os
import signal
import unittest

import harness
import namespace
import xml_runner

TERM = signal.SIGTERM
TCP = "--listen=web=tcp://127.0.0.1:0"
# A server as people write them: the socket that is its own by LISTEN_PID, else one that it makes.
SERVER = """
import http.server, os, socket
told = os.environ.get("LISTEN_PID") == str(os.getpid())
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler, not told)
if told:
    server.socket = socket.socket(fileno=3)
print("up", flush=True)
server.serve_forever()
"""
PYTHON = [harness.PYTHON, "-SEc"]
IMPATIENT = ["--ready-timeout=700ms", "--start-limit-burst=1", "--restart-delay=1ms", "--stop-timeout=1s"]


class AcceptTest(harness.Pid1Test):
    def stop(self, run, code=143):
        run.kill(TERM)
        run.end(code)

    def test_ready_when_it_serves(self):
        ready = os.path.join(self.folder(), "ready")
        run = self.start(TCP, f"--ready-file={ready}", "--", *PYTHON, SERVER)
        run.says("ready after")
        self.eventually(lambda: os.path.exists(ready), lambda: "no ready file")
        run.comes_to_rest()  # nobody looks any more
        self.stop(run)

    def test_a_worker_serves(self):
        run = self.start(TCP, "--", *PYTHON, "import os, select, signal\n"
                         "if os.fork() == 0: select.select([3], [], [])\n"
                         "os.wait()")
        run.says("ready after")
        self.stop(run)

    def test_not_ready_before_it_serves(self):
        """It has the socket open all the time, and serves when it is told to."""
        run = self.start(TCP, "--log-level=debug", "--", *PYTHON, "import os, select, signal\n"
                         "signal.sigwait([signal.SIGUSR1]) if not signal.pthread_sigmask(0, [signal.SIGUSR1]) else 0\n"
                         "print('serves', flush=True); select.select([3], [], [])")
        run.says("started process")
        self.eventually(lambda: run.wakeups() > 20, lambda: "nobody looks")
        self.assertNotIn("ready after", run.stderr)
        run.kill(signal.SIGUSR1)
        run.says("ready after")
        self.assertIn("serves", run.stdout)
        self.stop(run)

    def test_its_own_port(self):
        """Nobody serves what reinit holds: said, with what it mostly comes of."""
        run = self.start(TCP, *IMPATIENT, "--", *PYTHON, SERVER.replace('os.environ.get("LISTEN_PID")', "None"))
        run.end(1)
        self.assertIn("nobody accepts on web (127.0.0.1:", run.stderr)
        self.assertIn("not ready within 700ms", run.stderr)

    def test_behind_a_shell(self):
        run = self.start(TCP, *IMPATIENT, "--", "/bin/sh", "-c", '"$@"; true', "sh", *PYTHON, SERVER)
        run.end(1)
        self.assertIn("reinit listen-exec", run.stderr)

    def test_behind_a_shell_with_listen_exec(self):
        run = self.start(TCP, "--", "/bin/sh", "-c", '"$@"; true', "sh", harness.REINIT, "listen-exec", "--", *PYTHON,
                         SERVER)
        run.says("ready after")
        run.kill(TERM)
        run.end()

    @unittest.skipIf(harness.SANITIZED, "the sanitizers themselves need /proc")
    def test_without_proc(self):
        """Then a second has to do, and that is said once."""
        def hide_proc():
            namespace.mount("none", "/proc", "tmpfs")
        run = self.start(TCP, "--", *PYTHON, "import signal; signal.pause()", setup=hide_proc)
        run.says("ready after 1")
        self.assertEqual(run.stderr.count("--ready=accept cannot be told here"), 1, run.stderr)
        self.stop(run)

    def test_nothing_to_accept_on(self):
        run = self.start("--ready=accept", "--", "/bin/echo", "started")
        run.end(2)
        self.assertEqual(run.stdout, "")
        self.assertIn("give one by --listen", run.stderr)


if __name__ == "__main__":
    xml_runner.main()
