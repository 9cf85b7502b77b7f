"""The small programs that the container tests run inside containers, as source text."""

# Makes 100 orphans that end at once, then counts the zombies until there are none or for argv[1] seconds.
# An orphan ends when its parent has, so that nobody but PID 1 is left to reap it.
ZOMBIES = """
import glob, os, sys, time

def orphans(count):
    alive, held = os.pipe()
    for _ in range(count):
        parent_gone, parent_holds = os.pipe()
        middle = os.fork()
        if middle == 0:
            if os.fork() == 0:
                os.close(parent_holds)
                os.read(parent_gone, 1)
            os._exit(0)
        os.close(parent_gone)
        os.close(parent_holds)
        os.waitpid(middle, 0)
    os.close(held)
    os.read(alive, 1)  # every orphan has ended

def zombies():
    found = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                found += file.read().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            pass
    return found

def settle(seconds):
    deadline = time.monotonic() + seconds
    while zombies() and time.monotonic() < deadline:
        time.sleep(0.02)
    return zombies()

orphans(100)
print("zombies", settle(float(sys.argv[1]) if len(sys.argv) > 1 else 10), flush=True)
"""

# Names each signal of argv that arrives. TERM ends it.
SIGNALS = """
import signal, sys
wanted = [int(argument) for argument in sys.argv[1:]]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
while True:
    print("got", signal.sigwait(wanted), flush=True)
"""

# Takes two seconds to stop, and says whether its worker was left alone meanwhile.
SLOW_STOP = """
import signal, subprocess, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
worker = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, []))
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
time.sleep(2)
print("worker", "killed" if worker.poll() is not None else "alive", flush=True)
worker.kill()
worker.wait()
print("finished", flush=True)
sys.exit(5)
"""

# Says when it runs, and when it goes on after a stop: by then it has the terminal.
JOB = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGCONT, lambda *_: os.write(1, b"job goes on\\n"))
os.write(1, b"job begins\\n")
while True:
    signal.pause()
"""

# Shows its version, and ends with 3 on TERM.
VERSIONED = """
import os, signal, sys
VERSION = 1
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("version", VERSION, "process", os.getpid(), flush=True)
signal.sigwait([signal.SIGTERM])
sys.exit(3)
"""

# Both duties of an init in a restricted container: reaping and reloading.
DUTIES = ZOMBIES + VERSIONED

# Answers each GET after a while, and after SIGUSR1 none.
# Says that it lives, until USR1.
PINGS = """
import os, signal, socket, time
hub = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
hub.connect(os.environ["NOTIFY_SOCKET"])
hub.send(b"READY=1")
signal.signal(signal.SIGUSR1, lambda *_: time.sleep(1000))
count = 0
while True:
    count += 1
    hub.send(b"WATCHDOG=1")
    print("alive", count, flush=True)
    time.sleep(0.2)
"""

SLOW_HEALTH = """
import http.server, signal, time

class Handler(http.server.BaseHTTPRequestHandler):
    count, hangs = 0, False
    def do_GET(self):
        Handler.count += 1
        print("check", Handler.count, flush=True)
        time.sleep(1000 if Handler.hangs else 0.5)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass

def hang(*_):
    Handler.hangs = True

signal.signal(signal.SIGUSR1, hang)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""
