"""reinit next to pm2 and supervisord: `tools/bazel run -c opt //tests/bench:restart [-- FLAGS]`.

Measures the memory of a supervisor at idle, the time from the end of a killed process to its next start, and, if the
supervisor watches files, the time from a saved file to the new process. Each supervisor is PID 1 of a PID namespace and
runs the same small process, which reports its starts. Rounds alternate between the supervisors; a table cell is the
median over all rounds.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import meters
import peers
import workload
from peers import say

NPM = os.path.expanduser("~/.cache/reinit/pm2")
PM2 = os.path.join(NPM, "node_modules/.bin/pm2-runtime")
PACKAGES = {"supervisord": "supervisor", "npm": "npm"}  # program: package
FILES = 1000
ENOUGH_FOR_P99 = 300


def install():
    """Gets the missing peers with apt and npm, where that can be done."""
    environment = dict(os.environ, PATH=peers.PATH, DEBIAN_FRONTEND="noninteractive")
    how = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": sys.stderr, "check": False}
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program, path=peers.PATH)})
    if missing and os.getuid() == 0 and shutil.which("apt-get", path=peers.PATH):
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], **how)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", *missing], **how)
    if not os.path.exists(PM2) and shutil.which("npm", path=peers.PATH):
        os.makedirs(NPM, exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", NPM, "pm2@7"], **how)


def missing():
    """{name: why it cannot be measured} of the supervisors that are not installed."""
    found = {}
    if not os.path.exists(PM2) or not shutil.which("node", path=peers.PATH):
        found["pm2"] = "not installed (npm install pm2)"
    if not shutil.which("supervisord", path=peers.PATH):
        found["supervisord"] = "not installed (apt-get install supervisor)"
    return found


def reinit(_, child, tree):
    watch = [f"--watch={tree}"] if tree else []
    return [os.path.abspath(peers.REINIT), "--control=off", "--restart=always", "--restart-delay=0", "--start-limit-interval=0",
            *watch, "--", *child]


def pm2(folder, child, tree):
    application = {"name": "app", "script": child[0], "args": child[1:], "interpreter": "none", "exec_mode": "fork",
                   "max_restarts": 10**9, "watch": [tree] if tree else False}
    file = os.path.join(folder, "pm2.json")
    with open(file, "w") as out:
        json.dump({"apps": [application]}, out)
    return [PM2, "start", file]


def supervisord(folder, child, _):
    file = os.path.join(folder, "supervisord.conf")
    with open(file, "w") as out:
        out.write(f"[supervisord]\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={folder}/pid\n"
                  f"[program:app]\ncommand={' '.join(child)}\nautorestart=true\n")
    return [shutil.which("supervisord", path=peers.PATH), "-n", "-c", file]


COMMANDS = {"reinit": reinit, "pm2": pm2, "supervisord": supervisord}


@contextlib.contextmanager
def running(subject, tree=None):
    """Starts a supervisor and waits for its process; gives the reports and the pids of both here."""
    with tempfile.TemporaryDirectory(prefix="rr") as folder, workload.Reports(folder) as reports, \
            open(os.devnull, "r+") as null:
        command = COMMANDS[subject](folder, reports.command, tree)
        environment = {"PATH": peers.PATH, "HOME": folder, "PM2_HOME": os.path.join(folder, "pm2")}
        with peers.pid1(["--mount-proc", *command], stdin=null, stdout=null, stderr=null, env=environment) as (_, pid):
            _, child = reports.receive()
            yield reports, pid, child


def idle(subject, _, work):
    """PSS and private dirty memory in KiB of the supervisor and its descendants, and their wake-ups."""
    with running(subject) as (_, pid, _):
        time.sleep(work.rest)  # no event announces that a supervisor is done with its start
        below = meters.tree(pid)
        pss, private = map(sum, zip(*map(meters.memory, below)))
        before = sum(map(meters.context_switches, below))
        time.sleep(work.idle)
        return {"pss": [pss], "private": [private], "wakeups": [sum(map(meters.context_switches, below)) - before]}


def crash(subject, _, work):
    """Seconds from SIGKILL to the next start of a process that has run long enough to count as started."""
    took = []
    with running(subject) as (reports, _, child):
        for _ in range(work.crashes):
            time.sleep(random.uniform(*work.uptime))
            began = time.monotonic_ns()
            os.kill(child, signal.SIGKILL)
            started, child = reports.receive()
            took.append((started - began) / 1e9)
    return {"crash": took}


def saved(subject, tree, work):
    """Seconds from the write to the start of the new process, and how many more starts came."""
    path, files = tree
    if subject == "supervisord":
        return {}  # it does not watch files
    took, extra = [], 0
    with running(subject, path) as (reports, _, _):
        for _ in range(30):  # it may run before it watches
            workload.save(random.choice(files))
            if reports.drain(1):
                break
        else:
            say(f"restart: {subject} does not react to a saved file")
            return {}
        for _ in range(work.saves):
            began = workload.save(random.choice(files))
            started, _ = reports.receive()
            took.append((started - began) / 1e9)
            extra += reports.drain(random.uniform(*work.quiet))
    return {"saved": took, "extra": [extra]}


# Name, function, and the rows: key, title, unit, factor, digits.
MEASURES = [
    ("idle", idle, [("pss", "memory at idle with the process, PSS", "KiB", 1, 0),
                    ("private", "memory at idle with the process, private dirty", "KiB", 1, 0),
                    ("wakeups", "wake-ups in 10 s at idle", "", 1, 0)]),
    ("crash", crash, [("crash", "end of the process to its next start", "ms", 1e3, 1)]),
    ("saved", saved, [("saved", f"saved to running, {FILES:,} files", "ms", 1e3, 1),
                      ("extra", "starts too many per round", "", 1, 0)]),
]
FULL = argparse.Namespace(rest=5, idle=10, crashes=10, uptime=(1.5, 2.5), saves=10, quiet=(0.5, 1))
QUICK = argparse.Namespace(rest=0.5, idle=0.1, crashes=1, uptime=(1.2, 1.3), saves=1, quiet=(0.2, 0.3))


def measure(only, rounds, quick):
    """{subject: {key: [values]}}, in alternating rounds."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="rt") as folder:
        tree = os.path.join(folder, "tree")
        tree = (tree, workload.make_tree(tree, FILES))
        os.sync()  # else the disk would still be busy with the tree
        for name, function, _ in MEASURES:
            if only and name not in only:
                continue
            for turn in range(rounds):
                say(f"restart: {name}, round {turn + 1} of {rounds}")
                for subject in sorted(set(COMMANDS) - set(missing()), key=list(COMMANDS).index):
                    for key, values in function(subject, tree, QUICK if quick else FULL).items():
                        results.setdefault(subject, {}).setdefault(key, []).extend(values)
    return results


def rows():
    return [row for _, _, some in MEASURES for row in some]


def summaries(unit, counts):
    """The figures shown of sorted values: words for the title, and a function."""
    if unit != "ms":
        return [("", statistics.median)]
    found = [("median, ", statistics.median)]
    if min(counts) >= ENOUGH_FOR_P99:
        found.append(("99th percentile, ", lambda values: values[len(values) * 99 // 100]))
    return found


def table(results):
    """Header and lines of cells."""
    lines = [["", *results]]
    for key, title, unit, factor, digits in rows():
        measured = {subject: sorted(values[key]) for subject, values in results.items() if key in values}
        for what, choose in summaries(unit, map(len, measured.values())) if measured else ():
            cells = [f"{choose(measured[subject]) * factor:.{digits}f}" if subject in measured else "" for subject in results]
            lines.append([f"{title}, {what}{unit}" if unit else title, *cells])
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of little work, nothing installed: no measure of speed")
    parser.add_argument("--only", default="", metavar="NAME,...", help=f"of {', '.join(row[0] for row in MEASURES)}")
    parser.add_argument("--rounds", type=int, default=3, help=f"alternating rounds; {ENOUGH_FOR_P99 // FULL.saves} for a p99")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    flags = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("restart: PID namespaces need root")
    if not flags.quick:
        install()
    only = set(filter(None, flags.only.split(",")))
    unknown = only - {row[0] for row in MEASURES}
    if unknown:
        sys.exit(f"restart: --only: no measure is called {', '.join(sorted(unknown))}")
    os.sync()  # pages of a binary that was just built would count as dirty memory
    before = os.getloadavg()[0]
    results = measure(only, 1 if flags.quick else flags.rounds, flags.quick)
    load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"{peers.machine()}, {load}\n\n{peers.show(table(results), flags.markdown)}")
    for subject, why in missing().items():
        print(f"\n{subject}: {why}")
    if flags.json:
        with open(os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), flags.json), "w") as file:
            json.dump({"machine": peers.machine(), "load": load, "quick": flags.quick, "missing": missing(),
                       "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
