"""What made itself a daemon, or asked to be traced, does not outlive the process that it belongs to."""

import os
import signal
import subprocess

import harness
import namespace
import xml_runner

# Each restart is cheap; REINIT_DAEMON_RESTARTS=1000 is the long run.
RESTARTS = int(os.environ.get("REINIT_DAEMON_RESTARTS", "100"))
WAYS = 5

# Told to stop, it makes a daemon in each way that people know and ends as soon as these are born. The processes in the
# middle are just ending then: their memory, and so their environment, is gone, but to give the rest back takes a while.
DAEMONS = """
import ctypes, json, os, signal, socket, sys
hub, way = sys.argv[1:]
libc = ctypes.CDLL(None)

def wait():
    while True:
        signal.pause()

def closed():
    os.chdir("/")
    os.closerange(0, 3)

def cleared():
    os.environ.clear()
    os.umask(0)

def executes():
    os.execv("/bin/sleep", ["sleep", "1000"])

def daemonize(first=os.setsid, last=wait):
    if os.fork() != 0:
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.close(go_write)
    first()
    for _ in range(8):
        libc.inotify_add_watch(libc.inotify_init(), b"/", 2)
    os.read(go, 1)
    if os.fork() == 0:
        keep = os.dup2(born_write, 900)
        os.closerange(3, keep)
        os.write(keep, b"x")
        os.close(keep)
        last()
    os._exit(0)

def in_a_session(also):
    os.setsid()
    also()

# One at a time: another daemon that is seen would keep the sweep going.
ways = [dict(), dict(first=lambda: in_a_session(closed)), dict(first=lambda: in_a_session(cleared)),
        dict(last=executes), dict(last=lambda: (os.setsid(), wait()))]
with open(way) as file:
    number = int(file.read())
ways = ways[number:number + 1]
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
go, go_write = os.pipe()
born, born_write = os.pipe()
for way in ways:
    daemonize(**way)
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.sendto(json.dumps({"event": "start", "name": "main", "pid": os.getpid()}).encode(), "\\0" + hub)
signal.sigwait({signal.SIGTERM})
os.close(go_write)
for _ in ways:
    os.read(born, 1)
os._exit(0)
"""

# Waits for its first signal as a program under a debugger does, without one.
TRACED = """
import ctypes, json, os, signal, socket, sys
ctypes.CDLL(None).ptrace(0, 0, None, None)
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
out.sendto(json.dumps({"event": "start", "name": "main"}).encode(), "\\0" + sys.argv[1])
while True:
    signal.pause()
"""

class DaemonTest(harness.Pid1Test):
    def restart(self, restarts, *flags, **options):
        """The first restart leaves a daemon of the first way behind, and so on; the last process makes none."""
        way = self.write(os.path.join(self.folder(), "way"), "0", 0o644)
        run = self.start("--reload-signal=HUP", *flags, "--", harness.PYTHON, "-SE", "-c", DAEMONS, self.hub_name, way, **options)
        for number in range(1, restarts + 1):
            self.event("start")
            self.write(way, str(number % WAYS if number < restarts else WAYS))
            run.kill(signal.SIGHUP)
        run.only(self.event("start")["host"])

    def test_none_is_left_by_any_restart(self):
        # Under load what ends takes its time.
        for _ in range(os.cpu_count()):
            busy = subprocess.Popen([harness.PYTHON, "-SEc", "while True: pass"])
            self.addCleanup(busy.wait)
            self.addCleanup(busy.kill)
        self.restart(RESTARTS)

    def test_none_of_another_user_is_left_in_a_container(self):
        """Without SYS_PTRACE, the environment of another user's process is readable as that user."""
        self.restart(2 * WAYS, "--user=65534", setup=namespace.only(namespace.DOCKER))


class TracedTest(harness.Pid1Test):
    def test_ends_at_its_signal(self):
        for name in ("reinit", "tini", "dumb-init", "catatonit"):
            with self.subTest(name=name):
                init = os.path.join(self.folder(), name)
                os.symlink(harness.REINIT, init)
                run = self.start("--", harness.PYTHON, "-SE", "-c", TRACED, self.hub_name, init=[init])
                self.event("start")
                run.kill(signal.SIGTERM)
                run.end(128 + signal.SIGTERM)


if __name__ == "__main__":
    xml_runner.main()
