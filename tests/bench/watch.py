"""reinit beside other watchers, from a saved file to the new process: `tools/bazel run -c opt //tests/bench:watch [-- FLAGS]`.

The process under each sends the time as its first act, so the figure is that from just before the write to then. Rounds
alternate between the watchers; a cell is over all edits of all rounds. Processor time at idle is that of the watcher's
processes, without the one that it runs. Two bare loops of ours (watch_probe.cc) are the limit: nothing but inotify, kill
and posix_spawn, and nothing but one statx a file.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import peers

REINIT = os.path.abspath(peers.REINIT)
PROBE = os.path.abspath(os.environ.get("REINIT_WATCH_PROBE", "tests/bench/watch_probe"))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "reinit", "npm")
NODEMON = os.path.join(CACHE, "node_modules", ".bin", "nodemon")
# The peers: what they need, and the package that has it.
NEEDS = {"entr -nr": ("entr", "entr"), "inotifywait in a shell loop": ("inotifywait", "inotify-tools"),
         "watchmedo auto-restart": ("watchmedo", "python3-watchdog"), "nodemon": ("npm", "npm"),
         "nodemon --legacy-watch": ("npm", "npm"), "uvicorn --reload": ("uvicorn", "uvicorn")}
PATH = peers.PATH + ":/usr/local/bin"
FILES_IN_A_FOLDER = 40
START_DEADLINE = 60
EDIT_DEADLINE = 15

# An application for the servers that reload themselves: the import is the start.
APPLICATION = """
import socket, struct, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(struct.pack("q", time.monotonic_ns()), {path!r})
async def app(scope, receive, send): pass
"""


def watchers(folder, child, application):
    """Name and command line of all that are here; `child` is a command, and where servers' own reload is measured the
    application folder takes its place."""
    quoted = " ".join(child)
    here = {
        "bare inotify": [PROBE, "events", folder, "0", *child],
        "bare inotify + 50 ms quiet": [PROBE, "events", folder, "50", *child],
        "bare sweep every 500 ms": [PROBE, "sweep", folder, "500", *child],
        "reinit": [REINIT, f"--watch={folder}", "--", *child],
        "reinit --watch-mode=poll": [REINIT, f"--watch={folder}", "--watch-mode=poll", "--", *child],
        "entr -nr": ["sh", "-c", f"find {folder} -name '*.py' | exec entr -nr {quoted}"],
        "inotifywait in a shell loop": [
            "sh", "-c", f"{quoted} & p=$!; inotifywait -mqr -e close_write,create,delete,move {folder} | "
            f"while read -r _; do kill $p; {quoted} & p=$!; done"],
        "watchmedo auto-restart": ["watchmedo", "auto-restart", "-R", "-d", folder, "-p", "*.py", child[0], "--", *child[1:]],
        "nodemon": [NODEMON, "-q", "--watch", folder, "--ext", "py", "--exec", quoted],
        "nodemon --legacy-watch": [NODEMON, "-q", "-L", "--watch", folder, "--ext", "py", "--exec", quoted],
        "uvicorn --reload": ["uvicorn", "app:app", "--app-dir", application, "--reload", "--reload-dir", folder, "--port", "0",
                             "--log-level", "error"],
    }
    return {name: command for name, command in here.items()
            if name not in NEEDS or shutil.which(NODEMON if NEEDS[name][0] == "npm" else NEEDS[name][0], path=PATH)}


def install(only):
    wanted = dict(need for name, need in NEEDS.items() if not only or name in only)
    peers.install(wanted, path=PATH)
    if "npm" not in wanted or os.path.exists(NODEMON):
        return
    if shutil.which("npm", path=PATH):
        os.makedirs(CACHE, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", CACHE, "nodemon@3"],
                       env=dict(os.environ, PATH=PATH), stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if not os.path.exists(NODEMON):
        peers.say("watch: nodemon is missing: npm install nodemon")


def make_tree(folder, files):
    paths = []
    for number in range(files):
        place = os.path.join(folder, f"d{number // FILES_IN_A_FOLDER}")
        if number % FILES_IN_A_FOLDER == 0:
            os.makedirs(place)
        paths.append(os.path.join(place, f"f{number}.py"))
        with open(paths[-1], "w") as file:
            file.write("pass\n")
    return paths


class Stamps:
    """Where the processes send the time of their start."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "stamps")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def next(self, seconds):
        """Seconds on the monotonic clock, or None after so many without one."""
        self.socket.settimeout(seconds)
        try:
            return struct.unpack("q", self.socket.recv(8))[0] / 1e9
        except TimeoutError:
            return None

    def drain(self, quiet):
        """Waits until none has come for so long; returns how many did."""
        count = 0
        while self.next(quiet) is not None:
            count += 1
        return count


def members(session):
    """(pid, fields of stat behind the name) of each process of a session."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = peers.proc(entry, "stat").rpartition(")")[2].split()
            if int(fields[3]) == session:
                yield int(entry), fields


def processor_time(session):
    """Seconds that the watcher's processes have used, without the process that it runs."""
    ticks = 0
    for pid, fields in members(session):
        with contextlib.suppress(OSError):
            if b"child" not in open(f"/proc/{pid}/cmdline", "rb").read().split(b"\0"):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(command, stamps):
    """A watcher whose process has started and who has come to rest."""
    process = subprocess.Popen(command, env=dict(os.environ, PATH=PATH), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        if stamps.next(START_DEADLINE) is None:
            raise TimeoutError(f"{command} starts nothing")
        rest(process.pid)
        stamps.drain(0.3)
        yield process
    finally:
        for _ in range(3):
            for pid, _ in members(process.pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if process.poll() is not None and not any(members(process.pid)):
                break
            time.sleep(0.05)
        process.wait()


def rest(session):
    """Until little is done any more, as far as that can be seen: what polls never comes to rest."""
    before = processor_time(session)
    for _ in range(40):
        time.sleep(0.25)
        now = processor_time(session)
        if now - before <= 0.02:
            return
        before = now


def measure_edits(command, stamps, paths, edits):
    """Milliseconds from the write to the new process, and how many processes more than one an edit there were."""
    times, more = [], 0
    with running(command, stamps):
        for _ in range(edits):
            time.sleep(random.uniform(0, 0.2))
            path = random.choice(paths)
            began = time.monotonic()
            with open(path, "a") as file:
                file.write("\n")
            started = stamps.next(EDIT_DEADLINE)
            if started is not None:
                times.append((started - began) * 1e3)
            more += stamps.drain(0.7)
    return times, more


def measure_idle(command, stamps, seconds):
    """Per cent of a processor."""
    with running(command, stamps) as process:
        before = processor_time(process.pid)
        time.sleep(seconds)
        return (processor_time(process.pid) - before) / seconds * 100


def measure(files, rounds, edits, idle, only):
    """{watcher: {"times": [...], "more": n, "missed": n, "idle": per cent}}"""
    results = {}
    with tempfile.TemporaryDirectory(prefix="reinit-watch-") as place:
        stamps = Stamps(place)
        folder, application = os.path.join(place, "tree"), os.path.join(place, "application")
        paths = make_tree(folder, files)
        os.mkdir(application)
        with open(os.path.join(application, "app.py"), "w") as file:
            file.write(APPLICATION.format(path=stamps.path))
        os.sync()
        subjects = {name: command for name, command in
                    watchers(folder, [PROBE, "child", stamps.path], application).items() if not only or name in only}
        for number in range(rounds):
            for name, command in subjects.items():
                peers.say(f"watch: {files} files, round {number + 1} of {rounds}: {name}")
                result = results.setdefault(name, {"times": [], "more": 0, "missed": 0})
                try:
                    times, more = measure_edits(command, stamps, paths, edits)
                    result["times"] += times
                    result["more"] += more
                    result["missed"] += edits - len(times)
                    if number == 0:
                        result["idle"] = measure_idle(command, stamps, idle)
                except TimeoutError as error:
                    peers.say(f"watch: {error}")
    return results


def cells(result):
    times = sorted(result["times"])
    if not times:
        return ["-"] * 4
    late = times[min(len(times) - 1, len(times) * 99 // 100)]
    lost = f" (missed {result['missed']})" if result["missed"] else ""
    return [f"{statistics.median(times):.1f}{lost}", f"{late:.1f}", str(result["more"]),
            f"{result['idle']:.1f}" if "idle" in result else "-"]


def table(files, results):
    lines = [[f"{files:,} files", "saved to running, ms", "99th percentile", "starts too many", "processor at idle, %"]]
    return lines + [[name, *cells(result)] for name, result in results.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small tree, few edits: says nothing about speed")
    parser.add_argument("--sizes", default="1000,10000,100000", help="numbers of files")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--edits", type=int, default=10, help="in each round")
    parser.add_argument("--only", default="", help="names of watchers, with commas")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    parser.add_argument("--markdown", action="store_true", help="the tables as the README has them")
    flags = parser.parse_args()
    sizes, rounds, edits, idle = [int(size) for size in flags.sizes.split(",")], flags.rounds, flags.edits, 10
    if flags.quick:
        sizes, rounds, edits, idle = [100], 1, 2, 0.2
    only = set(filter(None, flags.only.split(",")))
    install(only)
    results = {size: measure(size, rounds, edits, idle, only) for size in sizes}
    print(peers.machine())
    for size, result in results.items():
        print("\n" + peers.show(table(size, result), flags.markdown))
    if flags.json:
        folder = os.environ.get("BUILD_WORKING_DIRECTORY", "")
        with open(os.path.join(folder, flags.json), "w") as file:
            json.dump({"machine": peers.machine(), "quick": flags.quick, "values": results}, file, indent=1)


if __name__ == "__main__":
    main()
