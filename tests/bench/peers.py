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

import meters
from meters import proc

REINIT = os.environ.get("REINIT", "cmd/reinit")
PROBE = os.path.abspath(os.environ.get("REINIT_PEER_PROBE", "tests/bench/peer_probe"))
END = os.path.abspath(os.environ.get("REINIT_END", "tests/bench/end"))  # static, ends at once
PEERS = {"tini": "tini", "tini-static": "tini", "dumb-init": "dumb-init", "catatonit": "catatonit"}  # program: package
TOOLS = {"strace": "strace"}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NOTES = {}  # key of a row: why it has no values


def say(text):
    print(text, file=sys.stderr, flush=True)


def install():
    """Gets the missing peers with apt, where that can be done."""
    wanted = {**PEERS, **TOOLS}
    missing = sorted({package for program, package in wanted.items() if not shutil.which(program, path=PATH)})
    if missing and os.getuid() == 0 and shutil.which("apt-get", path=PATH):
        environment = dict(os.environ, PATH=PATH, DEBIAN_FRONTEND="noninteractive")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
            subprocess.run(apt + arguments, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    for program, package in wanted.items():
        if not shutil.which(program, path=PATH):
            say(f"peers: {program} is missing: apt-get install {package}")


def inits():
    """Name and command line of all that are here."""
    found = {"reinit": [os.path.abspath(REINIT), "--"]}
    for name in PEERS:
        path = shutil.which(name, path=PATH)
        if path:
            found[name] = [path, "--"]
    return found


@contextlib.contextmanager
def pid1(init, *command, **how):
    """An init with its command as PID 1 of a namespace; gives the launcher and the init's pid here."""
    launcher = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *init, *command], **how)
    try:
        deadline = time.monotonic() + 10
        while not meters.children(launcher.pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{init[0]} does not start")
            time.sleep(0.001)
        yield launcher, meters.children(launcher.pid)[0]
    finally:
        launcher.kill()
        launcher.wait()


def idle(init, seconds):
    """PSS and private dirty memory in KiB once the child runs, and context switches over `seconds` without an event."""
    ready, write = os.pipe()
    with os.fdopen(ready) as reader, pid1(init, "/bin/sh", "-c", f"echo ready >&{write}; exec /bin/sleep 1000",
                                          pass_fds=[write]) as (_, pid):
        os.close(write)
        reader.readline()
        meters.come_to_rest()
        pss, private = meters.memory(pid)
        before = meters.context_switches(pid)
        time.sleep(seconds)
        return {"pss": pss, "private": private, "wakeups": meters.context_switches(pid) - before}


# Without the first, tini would warn that it is not PID 1.
ENVIRONMENT = {"TINI_SUBREAPER": "", "PATH": PATH}


def start(init, count):
    """Runs `init PROGRAM` `count` times, not in a namespace; with an empty init, the program alone."""
    found = {}
    for key, program in (("start", END), ("start true", "/bin/true")):
        run = subprocess.run([PROBE, "start", str(count), *init, program], env=ENVIRONMENT, capture_output=True, text=True,
                             check=True)
        median, early, faults, instructions = run.stdout.strip().split(" ", 3)
        found.update({key: int(median) / 1e9, f"{key} p10": int(early) / 1e9, f"{key} faults": float(faults)})
        if instructions.isdigit():
            found[f"{key} instructions"] = int(instructions)
        else:
            NOTES[f"{key} instructions"] = f"this machine does not count them ({instructions})"
    return found


def reap(init, count, meter):
    """Seconds until `count` orphans are reaped, and the meter's reading for the init."""
    with pid1(init, PROBE, "orphans", str(count), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as (launcher, pid):
        launcher.stdout.readline()
        meters.come_to_rest()
        measured = meter(pid)
        launcher.stdin.write("\n")
        launcher.stdin.flush()
        took = int(launcher.stdout.readline()) / 1e9
        return took, measured.stop()


def orphans(init, count):
    took, used = reap(init, count, meters.ProcessorTime)
    return {f"orphans {count}": took, f"orphan cpu {count}": used / count}


def forward(init, count, meter):
    """Median and 99th percentile in seconds of `count` signals' ways, and the meter's reading for the init."""
    read, write = os.pipe()
    with pid1(init, PROBE, "receive", str(write), pass_fds=[write]) as (_, pid):
        os.close(write)
        os.read(read, 8)
        meters.come_to_rest()
        measured = meter(pid)
        sent = subprocess.run([PROBE, "send", str(pid), str(count), str(read)], pass_fds=[read], capture_output=True,
                              text=True, check=True)
        used = measured.stop()
    os.close(read)
    median, late = map(int, sent.stdout.split())
    return median / 1e9, late / 1e9, used


def signals(init, count):
    median, late, used = forward(init, count, meters.ProcessorTime)
    return {"signal": median, "signal p99": late, "signal cpu": used / count}


def calls(init, count):
    """Counts system calls, in rounds of which no times are taken."""
    if not meters.can_count_calls():
        NOTES.update({f"{what} calls": "strace is missing" for what in ("start", "signal", "orphan")})
        return {}
    found = {"start calls": meters.calls_of([*init, END], ENVIRONMENT)}
    if init:
        found["signal calls"] = forward(init, count, meters.SystemCalls)[2] / count
        found["orphan calls"] = reap(init, count, meters.SystemCalls)[1] / count
    return found


# What is measured: name, function, its argument and the number of rounds; the same in quick.
MEASURES = [
    ("start", start, 20, 100, 2, 1),
    ("idle", idle, 10, 1, 0.1, 1),
    ("orphans", orphans, 10_000, 7, 200, 1),
    ("many-orphans", orphans, 100_000, 3, 1000, 1),
    ("signals", signals, 20_000, 5, 100, 1),
    ("calls", calls, 1000, 1, 100, 1),
]
ALONE = ("start", "calls")  # measured without an init as well

# How results are shown: key, title, unit, factor, digits.
ROWS = [
    ("start", "start and end of `INIT -- PROGRAM`, median", "µs", 1e6, 0),
    ("start p10", "start and end, 10th percentile", "µs", 1e6, 0),
    ("start calls", "system calls of a start and end", "", 1, 0),
    ("start faults", "page faults of a start and end", "", 1, 1),
    ("start instructions", "instructions of a start and end, user mode", "thousands", 1e-3, 0),
    ("start true", "start and end of `INIT -- /bin/true`, median", "µs", 1e6, 0),
    ("pss", "memory at idle, PSS", "KiB", 1, 0),
    ("private", "memory at idle, private dirty", "KiB", 1, 0),
    ("wakeups", "wake-ups in 10 s at idle", "", 1, 0),
    ("orphans 10000", "10,000 orphans made and reaped", "s", 1, 2),
    ("orphan cpu 10000", "processor time of the init per orphan of 10,000", "µs", 1e6, 2),
    ("orphans 100000", "100,000 orphans made and reaped", "s", 1, 2),
    ("orphan cpu 100000", "processor time of the init per orphan of 100,000", "µs", 1e6, 2),
    ("orphan calls", "system calls per orphan", "", 1, 2),
    ("signal", "a signal's way to the child, median", "µs", 1e6, 1),
    ("signal p99", "a signal's way, 99th percentile", "µs", 1e6, 1),
    ("signal cpu", "processor time of the init per signal", "µs", 1e6, 2),
    ("signal calls", "system calls per signal", "", 1, 2),
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
        if name in ALONE:
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
    ours = medians.get("reinit", {})
    rows = [row for row in ROWS if row[0] in ours or row[0] in NOTES] or [(key, key, "", 1, 6) for key in ours]
    for key, title, unit, factor, digits in rows:
        cells = [medians[name].get(key) for name in names]
        best = min((medians[name][key] for name in PEERS if name in medians and key in medians[name]), default=None)
        ratio = f"{ours[key] / best:.2f}" if best and key in ours else ""
        lines.append([f"{title}, {unit}" if unit else title,
                      *("" if cell is None else f"{cell * factor:.{digits}f}" for cell in cells), ratio])
    return lines


def notes():
    """One line for each row without values."""
    titles = {row[0]: row[1] for row in ROWS}
    return "".join(f"\n{titles[key]}: no values, because {why}" for key, why in sorted(NOTES.items()) if key in titles)


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
    before = os.getloadavg()[0]
    results = measure(set(filter(None, flags.only.split(","))), flags.quick)
    medians = {name: {key: statistics.median(values) for key, values in measured.items()}
               for name, measured in results.items()}
    load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after"
    print(f"{machine()}, {load}\n\n{show(table(medians), flags.markdown)}\n{notes()}")
    if flags.json:
        folder = os.environ.get("BUILD_WORKING_DIRECTORY", "")
        with open(os.path.join(folder, flags.json), "w") as file:
            json.dump({"machine": machine(), "load": load, "quick": flags.quick, "median": medians, "values": results},
                      file, indent=1)


if __name__ == "__main__":
    main()
