"""reinit beside other reloaders, measured in one run: `tools/bazel run -c opt //tests/bench:watch [-- FLAGS]`.

How long from a file saved to the new process running, and what watching costs when nothing changes. The clock starts when
the write() of the save has returned. The new process sends the time as its first act; those of uvicorn and gunicorn when the
application is imported. Rounds alternate between the tools, each as PID 1 of a PID namespace, on the same tree. The bare
loops are the least that such a tool can do. What polls is saved for at random moments between its looks. Where strace is
installed, the system calls of a few more saves are counted: of the tool and of all processes that it starts.
"""

import argparse
import glob
import json
import os
import random
import re
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
from peers import say

PROBE = os.path.abspath(os.environ.get("REINIT_WATCH_PROBE", "tests/bench/watch_probe"))
NPM = os.path.expanduser("~/.cache/reinit/npm")
NODEMON = os.path.join(NPM, "node_modules/.bin/nodemon")
PACKAGES = {"entr": "entr", "inotifywait": "inotify-tools", "watchmedo": "python3-watchdog", "uvicorn": "uvicorn",
            "gunicorn": "gunicorn", "npm": "npm"}  # program: package
PER_FOLDER = 40
POLLS = ("statx", "poll", "-L", "uvicorn", "gunicorn")  # in the names of those that look now and then
LONGEST_LOOK = 3  # seconds between two looks of these
CALM = 1  # seconds without a change before a save is taken for a single one
ENOUGH = 300  # samples for a 99th percentile
STRACED = 5  # saves
APP = """import socket, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(time.monotonic_ns().to_bytes(8, "little"), %r)
async def asgi(scope, receive, send): pass
def wsgi(environ, start_response): return []
"""
LOOP = ('"$1" child "$2" & pid=$!; inotifywait -mrq -e close_write,moved_to,delete --format x "$3" | '
        'while read -r _; do kill $pid; wait $pid; "$1" child "$2" & pid=$!; done')


def install():
    """Gets what is missing with apt and npm, where that can be done."""
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program, path=peers.PATH)})
    environment = dict(os.environ, PATH=peers.PATH, DEBIAN_FRONTEND="noninteractive")
    how = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": sys.stderr, "check": False}
    if missing and shutil.which("apt-get", path=peers.PATH):
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], **how)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", *missing], **how)
    if not os.path.exists(NODEMON) and shutil.which("npm", path=peers.PATH):
        os.makedirs(NPM, exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", NPM, "nodemon@3"], **how)


class Tree:
    """`count` Python files, and the socket that new processes report to."""

    def __init__(self, folder, count):
        self.count = count
        self.path = os.path.join(folder, f"tree{count}")
        self.socket = os.path.join(folder, "s")
        self.server = os.path.join(folder, "http")
        self.list = os.path.join(folder, f"list{count}")
        self.app = os.path.join(self.path, "app.py")
        self.files = [os.path.join(self.path, f"d{i // PER_FOLDER}", f"f{i}.py") for i in range(count - 1)]
        os.mkdir(self.path)
        for i, file in enumerate(self.files):
            if i % PER_FOLDER == 0:
                os.mkdir(os.path.dirname(file))
            with open(file, "w") as out:
                out.write("\n")
        with open(self.app, "w") as out:
            out.write(APP % self.socket)
        with open(self.list, "w") as out:
            out.write("\n".join(self.files) + "\n")


def commands(tree):
    """Name and command line of every tool that is here; the program to look for comes first."""
    child = [PROBE, "child", tree.socket]
    reinit = [os.path.abspath(peers.REINIT), f"--watch={tree.path}"]
    medo = ["watchmedo", "auto-restart", "-R", "-p", "*.py", "-d", tree.path]
    nodemon = ["-q", "-I", "--watch", tree.path, "-e", "py", "--exec", " ".join(child)]
    every = {
        "bare inotify loop": [PROBE, "inotify", "0", tree.path, tree.socket],
        "bare inotify loop, 50 ms quiet": [PROBE, "inotify", "50", tree.path, tree.socket],
        "reinit": [*reinit, "--", *child],
        "reinit --watch-settle=50ms": [*reinit, "--watch-settle=50ms", "--", *child],
        "reinit --watch-settle=0": [*reinit, "--watch-settle=0", "--", *child],
        "bare statx loop, 500 ms": [PROBE, "statx", "500", tree.path, tree.socket],
        "reinit --watch-mode=poll": [*reinit, "--watch-mode=poll", "--", *child],
        "entr -nr": ["entr", "-nr", *child],
        "inotifywait in a shell loop": ["inotifywait", "sh", "-c", LOOP, "sh", PROBE, tree.socket, tree.path],
        "watchmedo auto-restart": [*medo, "--", *child],
        "nodemon": [NODEMON, *nodemon],
        "nodemon -L": [NODEMON, "-L", *nodemon],
        "uvicorn --reload": ["uvicorn", "--log-level=error", "--reload", "--reload-dir", tree.path, "--app-dir", tree.path,
                             "--uds", tree.server, "app:asgi"],
        "gunicorn --reload": ["gunicorn", "--log-level=error", "--reload", "--chdir", tree.path, "-b",
                              f"unix:{tree.server}", "app:wsgi"],
    }
    found = {}
    for name, command in every.items():
        if shutil.which(command[0], path=peers.PATH):
            found[name] = command[1:] if command[0] == "inotifywait" else command
    return found, [name for name in every if name not in found]


def tasks_below(pid):
    """The folders in /proc of all threads of a process and of all processes below it."""
    left = [pid]
    while left:
        for task in glob.glob(f"/proc/{left.pop()}/task/*"):
            try:
                with open(f"{task}/children") as children:
                    left += map(int, children.read().split())
                yield task
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has just ended


def below(pid):
    return {int(task.split("/")[2]) for task in tasks_below(pid)}


def processor_time(pid):
    """Seconds that a process and all below it have used."""
    used = 0
    for task in tasks_below(pid):
        try:
            with open(f"{task}/schedstat") as stat:
                used += int(stat.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return used / 1e9


class Listener:
    """The times that new processes report."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if os.path.exists(path):
            os.unlink(path)
        self.socket.bind(path)

    def receive(self, seconds):
        self.socket.settimeout(seconds)
        try:
            return struct.unpack("=q", self.socket.recv(8))[0]
        except TimeoutError:
            return None

    def drain(self, quiet):
        """Waits until none has come for `quiet` seconds; gives how many came."""
        count = 0
        while count < 1000 and self.receive(quiet) is not None:
            count += 1
        return count


def save(file):
    """When the write had returned: how long the disk takes is not the watcher's."""
    with open(file, "ab", buffering=0) as out:
        out.write(b"\n")
        return time.monotonic_ns()


def system_calls(pid, saves, save_one):
    """How many all below the process make for one save, or nothing without strace."""
    strace = shutil.which("strace", path=peers.PATH)
    if not strace:
        return None
    with tempfile.NamedTemporaryFile(prefix="rwc", mode="r") as out:
        tracer = subprocess.Popen([strace, "-f", "-c", "-o", out.name, *(f"-p{one}" for one in below(pid))],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tracer.stderr.readline()  # it is attached
        done = sum(save_one() for _ in range(saves))
        tracer.send_signal(signal.SIGINT)
        tracer.communicate()
        total = re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+)", out.read(), re.MULTILINE)
    return int(total[1]) / done if total and done else None


def saved_to_running(name, command, tree, edits, idle, quiet, patience):
    """{key: values} of one round, or nothing if the tool does not react at all."""
    listener = Listener(tree.socket)
    found = {"latency": [], "missed": 0, "extra": 0}
    if os.path.exists(tree.server):
        os.unlink(tree.server)
    environment = dict(os.environ, PATH=peers.PATH, PYTHONDONTWRITEBYTECODE="1", HOME=os.path.expanduser("~"))
    with open(tree.list) as stdin, open(os.devnull, "w") as null, \
            peers.pid1(["--mount-proc", *command], stdin=stdin, stdout=null, stderr=null, env=environment) as (_, pid):
        choose = (lambda: tree.app) if name.startswith("gunicorn") else (lambda: random.choice(tree.files))
        runs = listener.receive(60)
        # It may run before it watches.
        if not (runs and any(save(choose()) and listener.receive(1) for _ in range(30))):
            say(f"watch: {name} does not react in a tree of {tree.count} files")
            return {}
        listener.drain(quiet * 3)
        polls = any(word in name for word in POLLS)
        for _ in range(edits):
            if polls:
                time.sleep(random.uniform(0, min(LONGEST_LOOK, patience)))
            elif name == "reinit":
                time.sleep(CALM)
            began = save(choose())
            stamp = listener.receive(patience)
            if stamp is None:
                found["missed"] += 1
            else:
                found["latency"].append((stamp - began) / 1e6)
            found["extra"] += listener.drain(quiet * random.uniform(0.75, 1.25))
        if idle:
            before, began = processor_time(pid), time.monotonic()
            time.sleep(idle)
            found["cpu"] = (processor_time(pid) - before) / (time.monotonic() - began) * 100

            def save_one():
                save(choose())
                seen = listener.receive(patience) is not None
                listener.drain(quiet)
                return seen
            calls = system_calls(pid, STRACED, save_one)
            if calls:
                found["calls"] = calls
    listener.socket.close()
    return found


def measure(trees, only, rounds, edits, idle, quiet, patience):
    """{name: {files: {latency: [ms], cpu: %, missed, extra}}}, in alternating rounds."""
    results = {}
    for tree in trees:
        subjects, missing = commands(tree)
        if missing and tree is trees[0]:
            say(f"watch: missing: {', '.join(missing)}")
        for turn in range(rounds):
            say(f"watch: {tree.count} files, round {turn + 1} of {rounds}")
            for name, command in subjects.items():
                if only and not any(word in name for word in only):
                    continue
                found = saved_to_running(name, command, tree, edits, idle if turn == rounds - 1 else 0, quiet,
                                         patience)
                total = results.setdefault(name, {}).setdefault(tree.count, {"latency": [], "missed": 0, "extra": 0})
                for key, value in found.items():
                    total[key] = total.get(key, 0) + value if key != "latency" else total[key] + value
    return results


def late(values):
    """The 99th percentile as text, with enough values for one."""
    return f", {sorted(values)[len(values) * 99 // 100]:.1f}" if len(values) >= ENOUGH else ""


def table(results, sizes):
    """Header and lines of cells."""
    lines = [[f"saved to running in ms: median, 99th percentile of {ENOUGH} or more; CPU at idle in %; system calls",
              *(f"{size:,} files" for size in sizes)]]
    for name, measured in results.items():
        line = [name]
        for size in sizes:
            found = measured.get(size, {})
            if not found.get("latency"):
                line.append("does not react")
                continue
            cell = f"{statistics.median(found['latency']):.1f}{late(found['latency'])}"
            cell += f"; {found['cpu']:.2f}" if "cpu" in found else ""
            cell += f"; {found['calls']:.0f} calls" if "calls" in found else ""
            cell += "".join(f"; {found[key]} {key}" for key in ("missed", "extra") if found[key])
            line.append(cell)
        lines.append(line)
    return lines


def budget(results, sizes):
    """reinit to the bare loop, the settle time apart: what both wait for is taken off."""
    text = []
    for name, floor, settle in (("reinit --watch-settle=50ms", "bare inotify loop, 50 ms quiet", 50),
                                ("reinit --watch-settle=0", "bare inotify loop", 0)):
        ratios = []
        for size in sizes:
            ours, bare = (results.get(one, {}).get(size, {}).get("latency") for one in (name, floor))
            if ours and bare:
                ours, bare = statistics.median(ours) - settle, statistics.median(bare) - settle
                ratios.append(f"{ours:.2f} / {bare:.2f} ms = {ours / bare:.2f}")
        if ratios:
            text.append(f"{name} to {floor}, settle time apart (budget 1.30): {', '.join(ratios)}")
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small tree, 3 changes, nothing installed: no measure of speed")
    parser.add_argument("--only", default="", metavar="WORD,...", help="tools with one of these in their name")
    parser.add_argument("--sizes", default="1000,10000,100000", help="files in the trees")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds")
    parser.add_argument("--edits", type=int, default=10, help="changes in each round")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    flags = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("watch: PID namespaces need root")
    sizes, work = [int(size) for size in flags.sizes.split(",")], (flags.rounds, flags.edits, 10, 0.4, 15)
    if flags.quick:
        sizes, work = [200], (1, 3, 0.2, 0.1, 3)
    else:
        install()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="rw") as folder:
        trees = [Tree(folder, size) for size in sizes]
        os.sync()  # else the disk would still be busy with the trees
        results = measure(trees, list(filter(None, flags.only.split(","))), *work)
    load = f"load {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"{peers.machine()}, {load}\n\n{peers.show(table(results, sizes), flags.markdown)}\n\n{budget(results, sizes)}")
    if flags.json:
        with open(os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), flags.json), "w") as file:
            json.dump({"machine": peers.machine(), "load": load, "quick": flags.quick, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
