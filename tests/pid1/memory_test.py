"""Processes whose memory nobody can read: PID 1 needs the environment or the arguments of some, and must not wait."""

import os
import shutil
import signal
import subprocess
import unittest

import bindfs
import harness
import xml_runner

TERM, HUP, USR1, USR2 = signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2

# Makes a process whose memory has its lock held for good, though it sleeps itself: a child reads its memory at a page
# of a file that hangs, and so holds the lock for reading; a thread waits for it to write; and whoever wants to read
# comes after that one. It takes no right to do so. Another child has it done on USR1: the process itself must not need
# the lock. Arguments: the name of the test's socket, the file, a folder that is made at the first start, and what
# becomes the main process.
HOLDER = """
import ctypes, json, os, signal, socket, sys, threading, time
hub, path, once, *main = sys.argv[1:]
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

def tell(event):
    out.sendto(json.dumps({"event": event, "name": "holder", "pid": os.getpid()}).encode(), "\\0" + hub)

def waits(stat):
    while True:
        with open(stat, "rb") as file:
            if file.read().rpartition(b") ")[2][:1] == b"D":
                return
        time.sleep(0.001)

def read(memory, page, go):
    os.read(go, 1)
    os.pread(memory, 1, page)
    os._exit(0)

def control(reader, writer, go, then, done):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    tell("start")
    signal.sigwait({signal.SIGUSR1})
    os.write(go, b"x")
    waits(f"/proc/{reader}/stat")
    os.write(then, b"x")
    waits(writer)
    tell("held")
    os.write(done, b"x")
    while True:
        signal.pause()

def hold():
    page = libc.mmap(None, 4096, 1, 1, os.open(path, os.O_RDONLY), 0)
    memory = os.open(f"/proc/{os.getpid()}/mem", os.O_RDONLY)
    (go, go_write), (then, then_write), (done, done_write), (known, known_write) = (os.pipe() for _ in range(4))
    holder = os.getpid()
    reader = os.fork()
    if reader == 0:
        read(memory, page, go)
    if os.fork() == 0:
        writer = f"/proc/{holder}/task/{os.read(known, 20).decode()}/stat"
        control(reader, writer, go_write, then_write, done_write)

    def write():
        os.write(known_write, str(threading.get_native_id()).encode())
        os.read(then, 1)
        libc.mmap(None, 4096, 1, 0x22, -1, 0)
    ready = b"READY=1"
    threading.Thread(target=write, daemon=True).start()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if "NOTIFY_SOCKET" in os.environ:
        notify.connect(os.environ["NOTIFY_SOCKET"])
        os.read(done, 1)
        notify.send(ready)
    while True:
        signal.pause()

def first():
    try:
        os.mkdir(once)
        return True
    except FileExistsError:
        return False

if not main:
    hold()
if first() and os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        hold()
    os._exit(0)
os.execv(main[0], main)
"""


class MemoryTest(harness.Pid1Test):
    def setUp(self):
        super().setUp()
        source = self.folder()
        self.write(os.path.join(source, "file"), "x" * 4096)
        self.mount = bindfs.Mount(self, source)
        self.control = os.path.join(self.folder(), "control")

    def holder(self, *main):
        file = os.path.join(self.mount.path, "file")
        return [harness.PYTHON, "-SEc", HOLDER, self.hub_name, file, os.path.join(self.folder(), "once"), *main]

    def hold(self, holder):
        self.mount.hang()
        os.kill(holder["host"], USR1)
        self.event("held")

    def hung_readers(self, run):
        """Children of PID 1 that wait for the memory."""
        return [p for p in run.members() if p.parent == run.host and p.name == "reinit" and p.state == "D"]

    def reads(self, run):
        self.eventually(lambda: self.hung_readers(run), lambda: "nobody reads its memory")

    def answers(self, run):
        """PID 1 is there: it says so, it reaps, it forwards."""
        subprocess.run([harness.REINIT, f"--control={self.control}", "ctl", "status"], check=True, capture_output=True,
                       timeout=self.deadline)
        self.assertNotEqual(harness.Process(harness.proc(run.host, "stat")).state, "D")

    def finish(self, run, code=0):
        run.kill(TERM)
        self.mount.go_on()
        run.end(code)


class LeftoverTest(MemoryTest):
    def restarts(self):
        """The process ends, and leaves behind what cannot be read and a daemon."""
        run = self.start("--reload-signal=HUP", f"--control={self.control}", "--",
                         *self.holder(*self.app("main")))
        holder, main = self.event("start", name="holder"), self.event("start", name="main")
        self.tell(main, "spawn", name="daemon", session=True, orphan=True)
        self.event("start", name="daemon")
        self.hold(holder)
        run.kill(HUP)
        self.event("signal", name="main", signal=TERM)
        return run

    def test_others_are_found_and_the_next_process_starts(self):
        run = self.restarts()
        self.reads(run)
        self.answers(run)
        self.event("signal", name="daemon", signal=TERM)
        main = self.event("start", name="main")
        # It is not read again.
        run.kill(HUP)
        self.event("signal", name="main", signal=TERM)
        main = self.event("start", name="main")
        self.assertEqual(self.hung_readers(run), [])
        self.tell(main, "orphans", count=20)
        self.event("made")
        self.answers(run)
        self.finish(run)

    def test_the_end_does_not_wait_for_it(self):
        run = self.restarts()
        self.reads(run)
        self.finish(run, 128 + TERM)


# It says that it is ready when it is told to.
NOTIFIER = """
import os, signal, socket
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
signal.signal(signal.SIGUSR2, lambda *_: out.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"]))
signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
os.write(1, b"up\\n")
while True:
    signal.pause()
"""


class NotifyTest(MemoryTest):
    def test_who_sends_a_message_cannot_be_told(self):
        run = self.start("--ready=notify", f"--control={self.control}", "--log-level=debug", "--",
                         *self.holder(harness.PYTHON, "-SEc", NOTIFIER))
        holder = self.event("start", name="holder")
        self.wait_for(lambda: "up\n" in run.stdout, "up")
        self.hold(holder)
        self.reads(run)
        self.answers(run)
        self.assertNotIn("ready after", run.stderr)
        # The process itself is heard at once.
        os.kill(min(p.host for p in run.members() if p.parent == run.host and p.name != "reinit"), USR2)
        run.says("ready after")
        run.says("READY=1 from process", "ignored")
        self.finish(run, 3)


class TargetTest(MemoryTest):
    def test_a_target_whose_arguments_cannot_be_read(self):
        conf = self.folder()
        run = self.start(f"--watch={conf}", f"--control={self.control}", "--watch-settle=10ms", "--reload-delay=10ms",
                         "--log-level=debug", "--on-change=signal:USR1", "--target-cmdline=*app.py*")
        run.says("first scan done")
        run.enter(self.holder())
        holder = self.event("start", name="holder")
        run.enter(self.app("main"))
        self.event("start", name="main")
        self.hold(holder)
        for text in ("one", "two"):
            self.write(os.path.join(conf, "file"), text)
            if text == "one":
                self.reads(run)
            self.answers(run)
            self.event("signal", name="main", signal=USR1)
        self.assertEqual(run.stderr.count("does not let its arguments be read"), 1)
        self.finish(run)


# Lives beside reinit with as many processes as it is told to have.
CROWD = """
import json, os, signal, socket, sys
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        signal.pause()
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.sendto(json.dumps({"event": "start", "name": "crowd", "pid": os.getpid()}).encode(), "\\0" + sys.argv[1])
signal.pause()
"""


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class CostTest(harness.Pid1Test):
    def opened(self, crowd, stop_timeout="10s"):
        """How many files PID 1 opens for a reload, with so many other processes in its namespace."""
        run, _ = self.start_app("--reload-signal=HUP", f"--stop-timeout={stop_timeout}")
        run.enter([harness.PYTHON, "-SEc", CROWD, self.hub_name, str(crowd)])
        self.event("start", name="crowd")
        trace = os.path.join(self.folder(), "trace")
        with subprocess.Popen(["strace", "-e", "trace=open,openat", "-o", trace, "-p", str(run.host)],
                              stderr=subprocess.DEVNULL) as strace:
            self.eventually(lambda: harness.status_fields(harness.proc(run.host, "status"))["TracerPid"] != "0",
                            lambda: "strace does not trace")
            run.kill(HUP)
            self.event("signal", name="main", signal=TERM)
            app = self.event("start", name="main")
            run.says("running after")
            strace.send_signal(signal.SIGINT)
        with open(trace, encoding="utf-8") as lines:
            count = sum("open" in line for line in lines)
        run.kill(TERM)
        self.event("signal", name="main", signal=TERM)
        self.ended(app)
        return count

    def test_a_reload_does_not_look_at_other_processes(self):
        few, many = self.opened(10), self.opened(200)
        self.assertEqual(few, many)
        self.assertLess(few, 40)


if __name__ == "__main__":
    xml_runner.main()
