"""What reinit does, shown on a real web application: start, reload on an edit, restart when sick, stop.

Each step is checked, and the exit status is 0 only if every one was really seen. `--keep` leaves the application
running at the end, with reinit watching its source.
"""

import argparse
import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

BINARY = os.environ.get("REINIT_BINARY", "cmd/reinit")
APP = "docker/examples/app.py"
STEP_TIMEOUT = 15

_colours = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


class NotSeen(Exception):
    """Something that the demo announced did not happen."""


def style(code, text):
    return f"\033[{code}m{text}\033[0m" if _colours else text


def step(number, text):
    print(style("1", f"\n{number}. {text}"), flush=True)


def show(text):
    print(f"   {text}", flush=True)


def expect(condition, text):
    if not condition:
        raise NotSeen(text)
    show(style("32", f"✓ {text}"))


class Supervised:
    """reinit with the application below it, as PID 1 of a PID namespace where that is allowed.

    Its standard error (reinit's log) and its standard output (the application's) are two pipes, read only while
    wait_for() waits: one thread, and what is shown comes in order.
    """

    def __init__(self, command, environment):
        self.pid_1 = can_unshare()
        # --kill-child: whatever happens to the demo, nothing of the namespace survives unshare.
        prefix = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"] if self.pid_1 else []
        self.process = subprocess.Popen(prefix + command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self._selector = selectors.DefaultSelector()
        for stream, label in ((self.process.stdout, "app   "), (self.process.stderr, "reinit")):
            self._selector.register(stream, selectors.EVENT_READ, [label, b""])
        self.lines = []

    def wait_for(self, pattern, what, after=0):
        """Shows lines until one at index `after` or later matches; gives the match."""
        deadline = time.monotonic() + STEP_TIMEOUT
        while True:
            for line in self.lines[after:]:
                match = re.search(pattern, line)
                if match:
                    return match
            after = len(self.lines)
            if not self._selector.get_map():
                raise NotSeen(f"{what}: reinit ended with status {self.process.wait()}")
            if not self._read(deadline - time.monotonic()):
                raise NotSeen(f"{what}, in {STEP_TIMEOUT} s")

    def drain(self):
        """Shows everything to the end of both streams."""
        deadline = time.monotonic() + STEP_TIMEOUT
        while self._selector.get_map():
            if not self._read(deadline - time.monotonic()):
                raise NotSeen(f"the end, in {STEP_TIMEOUT} s")

    def _read(self, timeout):
        ready = self._selector.select(max(0, timeout))
        for key, _ in ready:
            data = os.read(key.fd, 65536)
            if not data:
                self._selector.unregister(key.fileobj)
            *lines, key.data[1] = (key.data[1] + data).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.lines.append(f"{key.data[0].strip()}: {text}")
                show(style("36" if key.data[0] == "reinit" else "33", f"  {key.data[0]} | ") + text)
        return ready

    def pid(self):
        """reinit's pid as seen from here."""
        if not self.pid_1:
            return self.process.pid
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return int(file.read().split()[0])

    def leave(self, log, folder):
        """Hands both streams to a background job that writes them to `log`, and removes `folder` at their end."""
        subprocess.Popen(["sh", "-c", 'cat >>"$1" & cat <&3 >>"$1"; wait; rm -rf "$2"', "sh", log, folder],
                         stdin=self.process.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         preexec_fn=lambda: os.dup2(self.process.stderr.fileno(), 3), close_fds=False,
                         start_new_session=True)

    def kill(self):
        if self.process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                os.kill(self.pid(), signal.SIGKILL)
            self.process.kill()
            self.process.wait()


def can_unshare():
    return shutil.which("unshare") and subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "true"], stderr=subprocess.DEVNULL,
        check=False).returncode == 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def request(url, method="GET"):
    """Requests `url`, shows the answer, and gives (status, text)."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as response:
            status, text = response.status, response.read().decode().strip()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode().strip()
    except OSError as error:
        raise NotSeen(f"an answer from {url}: {error}") from error
    show(f"{method} {urllib.request.urlparse(url).path} -> {status} {text}")
    return status, text


def process_of(text):
    return re.search(r"process (\d+)", text).group(1)


def edit(path, old, new):
    """Changes the file as editors do: a new file takes the old one's place."""
    with open(path) as file:
        source = file.read()
    if old not in source:
        raise NotSeen(f"{old!r} in {path}")
    with open(path + "~", "w") as file:
        file.write(source.replace(old, new))
    os.rename(path + "~", path)


def run(folder, keep):
    binary = os.path.abspath(BINARY)
    watched = os.path.join(folder, "app")
    os.mkdir(watched)
    app = os.path.join(watched, "app.py")
    shutil.copyfile(APP, app)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # The start period bounds how long a failed check is forgiven, should the application break before its first good one.
    flags = [f"--watch={watched}", "--reload-delay=200ms", f"--health={url}/healthz", "--health-interval=300ms",
             "--health-retries=2", "--health-start-period=2s"]
    command = ["python3", "-u", app]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REINIT_")}

    step(1, "Start a web application with reinit")
    show("$ reinit " + shlex.join(flags) + " -- " + shlex.join(command))
    supervised = Supervised([binary, *flags, "--", *command], dict(environment, PORT=str(port)))
    try:
        steps(supervised, url, app)
        if keep:
            log = os.path.join(folder, "log")
            step(6, "Left running, as you asked")
            show(f"it answers    {url}/")
            show(f"edit          {app}")
            show(f"read the log  tail -f {log}")
            show(f"make it sick  curl -X POST {url}/break")
            show(f"stop it       kill {supervised.pid()}        (this also removes {folder})")
            supervised.leave(log, folder)
            return
        stop(supervised, url)
    except BaseException:
        supervised.kill()
        raise


def steps(supervised, url, app):
    supervised.wait_for(r"^app: version 1 listening", "the application's start")
    _, first = request(url + "/")
    expect("version 1" in first, "version 1 answers")
    if supervised.pid_1:
        expect(os.readlink(f"/proc/{supervised.pid()}/ns/pid") != os.readlink("/proc/self/ns/pid"),
               "reinit is PID 1 of its own namespace, as in a container")

    step(2, f"Edit its source: VERSION = 1 becomes VERSION = 2 in {app}")
    seen, started = len(supervised.lines), time.monotonic()
    edit(app, "VERSION = 1", "VERSION = 2")
    supervised.wait_for(r"^app: version 2 listening", "the edited application's start", seen)
    took = time.monotonic() - started
    _, second = request(url + "/")
    supervised.wait_for(r"^reinit: .*app\.py", "reinit's line about the changed file", seen)
    expect("version 2" in second, f"version 2 answers, {took:.2f} s after the file was saved")
    expect(process_of(second) != process_of(first), f"process {process_of(first)} became {process_of(second)}")

    step(3, "Break its health endpoint")
    seen, started = len(supervised.lines), time.monotonic()
    request(url + "/break", "POST")
    expect(request(url + "/healthz")[0] == 503, "/healthz says 503")

    step(4, "reinit notices, and restarts it")
    supervised.wait_for(r"^app: version 2 listening", "the restarted application", seen)
    took = time.monotonic() - started
    _, third = request(url + "/")
    supervised.wait_for(r"^reinit: .*health", "reinit's line about the failed health check", seen)
    expect(request(url + "/healthz")[0] == 200, f"well again, {took:.2f} s after it broke")
    expect(process_of(third) != process_of(second), f"process {process_of(second)} became {process_of(third)}")


def stop(supervised, url):
    step(5, "Send TERM to reinit, as `docker stop` does")
    seen = len(supervised.lines)
    show(f"$ kill -TERM {supervised.pid()}")
    os.kill(supervised.pid(), signal.SIGTERM)
    supervised.wait_for(r"^app: .*ended in good order", "the application's good end", seen)
    supervised.drain()
    status = supervised.process.wait(STEP_TIMEOUT)
    expect(status == 0, f"reinit ended with the application's exit status: {status}")
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 1).close()
        raise NotSeen("the end: something still accepts connections")
    show(style("32", "✓ nothing is left running"))


def main():
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the application running at the end")
    keep = parser.parse_args().keep
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reinit-demo-"))
    kept = False
    try:
        run(folder, keep)
        kept = keep
    except NotSeen as error:
        print(style("1;31", f"\n✗ Not seen: {error}"), flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    print(style("1", f"\nEverything was seen, in {time.monotonic() - started:.1f} s."), flush=True)


if __name__ == "__main__":
    main()
