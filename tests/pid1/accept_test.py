"""--ready=accept: ready when the process serves the socket that it was passed, as /proc shows it."""

import os
import select
import signal
import struct
import subprocess
import unittest

import bindfs
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
EPOLL = "import select; e = select.epoll(); e.register(3, select.EPOLLIN); e.poll()"
POLL = "import select; p = select.poll(); p.register(3, select.POLLIN); p.poll()"
DYING = """
import os
workers = set()
while True:
    while len(workers) < 6:
        worker = os.fork()
        if worker == 0:
            memory = bytearray(20_000_000)
            os._exit(1)
        workers.add(worker)
    workers.discard(os.wait()[0])
"""
# On USR2 it polls by a set that is in a file, and whose page is not in memory any more.
POLL_BY_FILE = """
import ctypes, mmap, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
file = os.open(sys.argv[1], os.O_RDONLY)
page = ctypes.c_void_p(libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, file, 0))
thread = threading.Thread(target=libc.poll, args=(page, 1, -1), daemon=True)

def on_usr2(*_):
    thread.start()
    while "poll" not in open(f"/proc/self/task/{thread.native_id}/wchan").read():
        pass
    libc.madvise(page, 4096, mmap.MADV_DONTNEED)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.write(1, b"polls\\n")

signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"alive\\n"))
signal.signal(signal.SIGUSR2, on_usr2)
os.write(1, b"up\\n")
while True:
    signal.pause()
"""
SELECT = "import select; select.select([3], [], [])"
CANNOT_TELL = "--ready=accept cannot be told here"
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
        run = self.start(TCP, "--log-level=debug", "--", *PYTHON, "import select, signal\n"
                         "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]); print('waits', flush=True)\n"
                         "signal.sigwait([signal.SIGUSR1]); print('serves', flush=True); select.select([3], [], [])")
        self.eventually(lambda: "waits" in run.stdout, lambda: "it does not run")
        before = run.wakeups()
        self.eventually(lambda: run.wakeups() > before + 10, lambda: "nobody looks")
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

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_as_another_user_with_the_capabilities_of_a_container(self):
        """/proc is looked at as that user."""
        for server in (EPOLL, POLL, SELECT):
            with self.subTest(server):
                run = self.start(TCP, "--user=65534", "--", *PYTHON, server, setup=namespace.only(namespace.DOCKER))
                run.says("ready after")
                self.assertNotIn(CANNOT_TELL, run.stderr)
                self.stop(run)

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_not_ready_as_another_user(self):
        """The twin: it can be told that nobody serves."""
        run = self.start(TCP, *IMPATIENT, "--user=65534", "--", *PYTHON, "import signal; signal.pause()",
                         setup=namespace.only(namespace.DOCKER))
        run.end(1)
        self.assertNotIn(CANNOT_TELL, run.stderr)
        self.assertIn("nobody accepts on web", run.stderr)

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_workers_that_die_all_the_time(self):
        """The kernel hides who is about to end, from others than root: that is no reason to be ready."""
        run = self.start(TCP, *IMPATIENT, "--user=65534", "--", *PYTHON, DYING, setup=namespace.only(namespace.DOCKER))
        run.end()
        self.assertIn("not ready within 700ms", run.stderr)
        self.assertNotIn("cannot be told", run.stderr)

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_one_that_became_another_user_by_itself(self):
        """And a second twin: that one the kernel shows to nobody, and then a second has to do."""
        run = self.start(TCP, "--restart-order=start-first", "--restart=always", "--", *PYTHON,
                         f"import os; os.setgid(65534); os.setuid(65534); {SELECT}", setup=namespace.only(namespace.DOCKER))
        run.says("ready after 1")
        self.assertEqual(run.stderr.count(CANNOT_TELL), 1, run.stderr)
        self.assertIn("a version that fails later than that takes over", run.stderr)
        self.stop(run)

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_where_proc_hides_even_that_it_lives(self):
        def setup():
            namespace.mount("proc", "/proc", "proc", options="hidepid=1")
            namespace.only(namespace.DOCKER)()
        run = self.start(TCP, "--", *PYTHON, f"import os; os.setgid(65534); os.setuid(65534); {SELECT}", setup=setup)
        run.says("ready after 1")
        self.assertEqual(run.stderr.count(CANNOT_TELL), 1, run.stderr)
        self.stop(run)

    @unittest.skipIf(os.getuid(), "needs another user")
    def test_what_reinit_is_put_back_to(self):
        """The look leaves no trace: whose files it opens, and that it ends with its parent."""
        run = self.start(TCP, "--user=65534", "--", *PYTHON, SELECT, setup=namespace.only(namespace.DOCKER))
        run.says("ready after")
        fields = harness.status_fields(harness.proc(run.host, "status"))
        self.assertEqual((fields["Uid"].split(), fields["Gid"].split()), (["0"] * 4, ["0"] * 4))
        self.assertEqual(fields["CapEff"], fields["CapPrm"])
        self.stop(run)

    def test_its_memory_is_on_a_file_system_that_hangs(self):
        source = self.folder()
        with open(os.path.join(source, "set"), "wb") as file:
            file.write(struct.pack("ihh", 3, select.POLLIN, 0).ljust(4096, b"\0"))
        mount = bindfs.Mount(self, source)
        control = os.path.join(self.folder(), "control")
        run = self.start(TCP, f"--control={control}", "--", *PYTHON, POLL_BY_FILE, os.path.join(mount.path, "set"))
        self.wait_for(lambda: "up\n" in run.stdout, "up")
        # Beside it there may be the child that looks.
        main, = [p.host for p in run.members() if p.parent == run.host and p.name != "reinit"]
        os.kill(run.host, signal.SIGSTOP)
        os.kill(main, signal.SIGUSR2)
        self.wait_for(lambda: "polls\n" in run.stdout, "polls")
        mount.hang()
        os.kill(run.host, signal.SIGCONT)
        self.eventually(lambda: any(p.state == "D" for p in run.members()), lambda: "nobody reads its memory")
        run.kill(signal.SIGUSR1)
        self.wait_for(lambda: "alive\n" in run.stdout, "alive")
        subprocess.run([harness.REINIT, f"--control={control}", "ctl", "status"], check=True, capture_output=True,
                       timeout=self.deadline)
        mount.go_on()
        run.says("ready after")
        self.stop(run)

    def test_nothing_to_accept_on(self):
        run = self.start("--ready=accept", "--", "/bin/echo", "started")
        run.end(2)
        self.assertEqual(run.stdout, "")
        self.assertIn("give one by --listen", run.stderr)


if __name__ == "__main__":
    xml_runner.main()
