"""reinit beside the inits of Debian, measured in one run: `tools/bazel run -c opt //tests/bench:peers [-- FLAGS]`.

Each init is PID 1 of a PID namespace of its own. Rounds alternate between the inits, so that what else the machine does
meets them all; a table cell is the median over the rounds. The ratio is that of reinit to the best of the others.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

REINIT = os.environ.get("REINIT", "cmd/reinit")
PROBE = os.path.abspath(os.environ.get("REINIT_PEER_PROBE", "tests/bench/peer_probe"))
PEERS = {"tini": "tini", "tini-static": "tini", "dumb-init": "dumb-init", "catatonit": "catatonit"}  # program: package
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def say(text):
    print(text, file=sys.stderr, flush=True)


def install():
    """Gets the missing peers with apt, where that can be done."""
    missing = sorted({package for program, package in PEERS.items() if not shutil.which(program, path=PATH)})
    if missing and os.getuid() == 0 and shutil.which("apt-get", path=PATH):
        environment = dict(os.environ, PATH=PATH, DEBIAN_FRONTEND="noninteractive")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(apt + arguments, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    for program in PEERS:
        if not shutil.which(program, path=PATH):
            say(f"peers: {program} is missing: apt-get install {PEERS[program]}")


def inits():
    """Name and command line of all that are here."""
    found = {"reinit": [os.path.abspath(REINIT), "--"]}
    for name in PEERS:
        path = shutil.which(name, path=PATH)
        if path:
            found[name] = [path, "--"]
    return found


def proc(pid, file):
    with open(f"/proc/{pid}/{file}") as content:
        return content.read()


def child_of(pid):
    return int(proc(pid, f"task/{pid}/children").split()[0])


@contextlib.contextmanager
def pid1(init, *command, **how):
    """An init with its command as PID 1 of a namespace; gives the launcher and the init's pid here."""
    launcher = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *init, *command], **how)
    try:
        deadline = time.monotonic() + 10
        while not (proc(launcher.pid, f"task/{launcher.pid}/children").split()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{init[0]} does not start")
            time.sleep(0.001)
        yield launcher, child_of(launcher.pid)
    finally:
        launcher.kill()
        launcher.wait()


def context_switches(pid):
    return sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", proc(pid, "status"))))


def idle(init, seconds):
    """PSS and private dirty memory in KiB once the child runs, and context switches over `seconds` without an event."""
    ready, write = os.pipe()
    with os.fdopen(ready) as reader, pid1(init, "/bin/sh", "-c", f"echo ready >&{write}; exec /bin/sleep 1000",
                                          pass_fds=[write]) as (_, pid):
        os.close(write)
        reader.readline()
        time.sleep(0.5)  # nothing tells that a process has come to rest
        memory = dict(re.findall(r"^(\w+):\s+(\d+) kB", proc(pid, "smaps_rollup"), re.MULTILINE))
        before = context_switches(pid)
        time.sleep(seconds)
        return {"pss": int(memory["Pss"]), "private": int(memory["Private_Dirty"]), "wakeups": context_switches(pid) - before}


def start(init, _):
    """Seconds from spawn to the end of `init /bin/true`, not in a namespace; with no init: of /bin/true."""
    command = [*init, "/bin/true"]
    began = time.perf_counter()
    pid = os.posix_spawn(command[0], command, {"TINI_SUBREAPER": ""})
    os.waitpid(pid, 0)
    return {"start": time.perf_counter() - began}


def orphans(init, count):
    with pid1(init, PROBE, "orphans", str(count), stdout=subprocess.PIPE, text=True) as (launcher, _):
        return {f"orphans {count}": int(launcher.stdout.readline()) / 1e9}


def signals(init, count):
    read, write = os.pipe()
    with pid1(init, PROBE, "receive", str(write), pass_fds=[write]) as (_, pid):
        os.close(write)
        os.read(read, 8)
        before = int(proc(pid, "schedstat").split()[0])
        sent = subprocess.run([PROBE, "send", str(pid), str(count), str(read)], pass_fds=[read], capture_output=True,
                              text=True, check=True)
        used = int(proc(pid, "schedstat").split()[0]) - before
    os.close(read)
    median, late = map(int, sent.stdout.split())
    return {"signal": median / 1e9, "signal p99": late / 1e9, "signal cpu": used / 1e9 * 100_000 / count}


# What is measured: name, function, its argument and the number of rounds; the same in quick.
MEASURES = [
    ("start", start, None, 400, None, 5),
    ("idle", idle, 10, 1, 0.1, 1),
    ("orphans", orphans, 10_000, 7, 200, 1),
    ("many-orphans", orphans, 100_000, 3, 1000, 1),
    ("signals", signals, 20_000, 5, 100, 1),
]

# How results are shown: key, title, unit, factor, digits.
ROWS = [
    ("start", "start and end of `INIT -- true`", "ms", 1e3, 2),
    ("pss", "memory at idle, PSS", "KiB", 1, 0),
    ("private", "memory at idle, private dirty", "KiB", 1, 0),
    ("wakeups", "wake-ups in 10 s at idle", "", 1, 0),
    ("orphans 10000", "10,000 orphans made and reaped", "s", 1, 2),
    ("orphans 100000", "100,000 orphans made and reaped", "s", 1, 2),
    ("signal", "a signal's way to the child, median", "µs", 1e6, 1),
    ("signal p99", "the same, 99th percentile", "µs", 1e6, 1),
    ("signal cpu", "processor time of 100,000 signals", "s", 1, 2),
]


def measure(only, quick):
    """{init: {key: [values]}}, in alternating rounds."""
    results = {}
    for name, function, argument, rounds, quick_argument, quick_rounds in MEASURES:
        if only and name not in only:
            continue
        if quick:
            argument, rounds = quick_argument, quick_rounds
        say(f"peers: {name}, {rounds} rounds")
        subjects = inits()
        if name == "start":
            subjects["no init"] = []
        for _ in range(rounds):
            for subject, init in subjects.items():
                for key, value in function(init, argument).items():
                    results.setdefault(subject, {}).setdefault(key, []).append(value)
    return results


def table(medians):
    """Header and lines of cells."""
    names = [name for name in ("reinit", *PEERS, "no init") if name in medians]
    lines = [["", *names, "reinit to the best"]]
    rows = [row for row in ROWS if row[0] in medians["reinit"]] or [(key, key, "", 1, 6) for key in medians["reinit"]]
    for key, title, unit, factor, digits in rows:
        cells = [medians[name].get(key) for name in names]
        best = min((medians[name][key] for name in PEERS if name in medians and key in medians[name]), default=None)
        ratio = "" if not best else f"{medians['reinit'][key] / best:.2f}"
        lines.append([f"{title}, {unit}" if unit else title,
                      *("" if cell is None else f"{cell * factor:.{digits}f}" for cell in cells), ratio])
    return lines


def machine():
    cpu = re.search(r"model name\s*: (.*)", proc("self", "../cpuinfo"))
    return (f"{datetime.date.today()}, {os.cpu_count()} cores{' of ' + cpu[1] if cpu else ''}, "
            f"Linux {platform.release()}")


def show(lines, markdown):
    if markdown:
        lines = [lines[0], ["---", *("---:" for _ in lines[0][1:])], *lines[1:]]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))])
                     for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few rounds of little work: says nothing about speed")
    parser.add_argument("--only", default="", help=f"of {', '.join(row[0] for row in MEASURES)}")
    parser.add_argument("--json", metavar="FILE", help="write every value there")
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    flags = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("peers: PID namespaces need root")
    install()
    os.sync()  # pages of a binary that was just built would count as dirty memory
    results = measure(set(filter(None, flags.only.split(","))), flags.quick)
    medians = {name: {key: statistics.median(values) for key, values in measured.items()}
               for name, measured in results.items()}
    print(f"{machine()}\n\n{show(table(medians), flags.markdown)}")
    if flags.json:
        folder = os.environ.get("BUILD_WORKING_DIRECTORY", "")
        with open(os.path.join(folder, flags.json), "w") as file:
            json.dump({"machine": machine(), "quick": flags.quick, "median": medians, "values": results}, file, indent=1)


if __name__ == "__main__":
    main()
