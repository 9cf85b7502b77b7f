"""Counts what reinit does for each row of a table: system calls by name, exactly, and page faults, within a tenth.

A number that falls is written down here, so that it stays. More rows: ROWS.
"""

import collections
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import xml_runner

STRACE = "/usr/bin/strace"
REINIT = os.path.join(os.getcwd(), "cmd/reinit")
ENDS = os.path.join(os.getcwd(), "tests/budget/ends")
ANSWERS = os.path.join(os.getcwd(), "tests/budget/answers")
FIRST_ACT = {"PATH": "/bin"}
MAIN = {"PATH": "/bin", "LISTEN_FDNAMES": ""}  # which the first act leaves to main()
SUPERVISING = ["--reload-signal=HUP", "--control=off"]
# On a busy machine the child may end before reinit waits, or only after a timer of reinit. That changes a run, not all.
RUNS = 20
DEADLINE = 20
FAULT_SHARE = 0.1
# The first call of main; what comes before it belongs to the C library.
MAIN_BEGINS = re.compile(r"rt_sigprocmask\(SIG_SETMASK, ~\[\]")


class Row:
    """One thing that reinit does, and what it may cost.

    `count()` counts the calls by name of each process; `calls` is what it may find. `faults` is the number of page faults of
    `faulting(folder)` for each compilation mode; None: they do not count.
    """

    def __init__(self, name, count, calls, faulting=None, faults=None):
        self.name, self.count, self.calls = name, count, calls
        self.faulting, self.faults = faulting, faults


def trace_start(environment):
    """The start and the end of `reinit -- PROGRAM`."""
    with tempfile.NamedTemporaryFile("r") as out:
        subprocess.run([STRACE, "-f", "-qq", "-o", out.name, REINIT, "--", ENDS], env=environment, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # no terminal
        lines = out.read().splitlines()
    if environment is FIRST_ACT:
        return lines[1:]  # without the exec of reinit
    begin = next(i for i, line in enumerate(lines) if MAIN_BEGINS.search(line))
    return lines[begin:]


def wait_for_rest(init):
    """A plain init: until it waits for nothing but signals, which it does after the last timer of its start."""
    limit = time.monotonic() + DEADLINE
    while True:
        with open(f"/proc/{init}/wchan", encoding="utf-8") as wchan:
            if "sigtimedwait" in wchan.read():
                return
        assert time.monotonic() < limit, "it does not come to rest"
        time.sleep(0.001)


def trace_signals(flags, environment, signo, count):
    """reinit gets `signo` so many times, each once the program has answered to the last one, and then TERM."""
    with tempfile.NamedTemporaryFile("r") as out:
        with subprocess.Popen([STRACE, "-f", "-qq", "-o", out.name, REINIT, *flags, "--", ANSWERS], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            init = int(run.stdout.readline())
            if not flags:
                wait_for_rest(init)
            for _ in range(count):
                os.kill(init, signo)
                run.stdout.readline()
            os.kill(init, signal.SIGTERM)
            assert run.wait() == 0, run.returncode
        return out.read().splitlines()[1:]  # without the exec of reinit


def calls_of_one(flags, environment, signo):
    """What reinit calls for one signal more."""
    one, two = (collections.Counter(calls(trace_signals(flags, environment, signo, count))[0]) for count in (1, 2))
    two.subtract(one)
    return [{name: count for name, count in sorted(two.items()) if count != 0}]


def calls(lines):
    """By process, in the order in which they appear: how often it has begun each call, up to an exec that is done."""
    counts, replaced = {}, set()
    for line in lines:
        match = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)", line)
        if match is None or match[1] in replaced:
            continue
        pid, name, begins = match[1], match[2], match[3] == "("
        of_process = counts.setdefault(pid, collections.Counter())
        if begins:
            of_process[name] += 1
        if name == "execve" and line.endswith("= 0"):
            replaced.add(pid)
    return [dict(count) for count in counts.values()]


def in_small_pages(folder, path):
    """A copy whose pages came into the page cache one by one: how many a fault maps depends on how the file was written."""
    copy = os.path.join(folder, os.path.basename(path))
    with open(path, "rb") as source, open(copy, "wb", buffering=0) as target:
        while block := source.read(4096):
            target.write(block)
    os.chmod(copy, 0o755)
    return copy


def faults_of_start(folder, environment):
    """Of a run and of all that it has waited for. The least of several: what the kernel does meanwhile only adds some."""
    command = [in_small_pages(folder, REINIT), "--", in_small_pages(folder, ENDS)]

    def once():
        child = os.posix_spawn(command[0], command, environment)
        _, status, usage = os.wait4(child, 0)
        assert status == 0, status
        return usage.ru_minflt
    return min(once() for _ in range(RUNS))


SPAWNED = {"execve": 1, "fchdir": 1, "rt_sigprocmask": 1, "setpgid": 1}  # by the child, until its program replaces it

ROWS = [
    Row("start by the first act", lambda: calls(trace_start(FIRST_ACT)),
        [{"chdir": 1, "clone": 1, "close": 1, "close_range": 1, "exit_group": 1, "getpid": 1, "ioctl": 3, "openat": 1,
          "pipe2": 1, "prctl": 1, "read": 1, "rt_sigaction": 1, "rt_sigprocmask": 1, "rt_sigtimedwait": 1, "wait4": 2}, SPAWNED],
        faulting=lambda folder: faults_of_start(folder, FIRST_ACT), faults={"opt": 29, "fastbuild": 29}),
    Row("start by main()", lambda: calls(trace_start(MAIN)),
        [{"chdir": 1, "close": 2, "epoll_create1": 1, "epoll_ctl": 1, "epoll_wait": 3, "exit_group": 1, "fchdir": 1, "fcntl": 3,
          "getpgrp": 2, "getpid": 5, "ioctl": 7, "mmap": 1, "openat": 1, "pipe2": 1, "prctl": 1, "read": 2, "rt_sigaction": 1,
          "rt_sigprocmask": 1, "signalfd4": 1, "vfork": 1, "wait4": 3}, SPAWNED],
        faulting=lambda folder: faults_of_start(folder, MAIN), faults={"opt": 81, "fastbuild": 119}),
    Row("a signal by the first act", lambda: calls_of_one([], FIRST_ACT, signal.SIGUSR1), [{"kill": 1, "rt_sigtimedwait": 1}]),
    Row("a signal by main()", lambda: calls_of_one([], MAIN, signal.SIGUSR1), [{"kill": 1, "rt_sigtimedwait": 1}]),
    Row("a signal by a supervisor", lambda: calls_of_one(SUPERVISING, MAIN, signal.SIGUSR1),
        [{"epoll_wait": 1, "kill": 1, "read": 1}]),
    Row("a reload", lambda: calls_of_one(SUPERVISING, MAIN, signal.SIGHUP),
        [{"clone": 1, "close": 7, "epoll_ctl": 2, "epoll_wait": 4, "getdents64": 2, "getpgrp": 2, "getpid": 3, "getrandom": 1,
          "ioctl": 6, "kill": 2, "newfstatat": 2, "openat": 6, "pipe2": 1, "pwritev2": 1, "read": 10, "readlink": 1,
          "setpgid": 1, "wait4": 2}]),
]


class BudgetTest(unittest.TestCase):
    maxDiff = None
    mode = "fastbuild"

    def test_system_calls(self):
        self.assertTrue(os.path.exists(STRACE), "strace is not installed")
        for row in ROWS:
            with self.subTest(row.name):
                runs = (row.count() for _ in range(RUNS))
                seen = next((found for found in runs if found == row.calls), None) or row.count()
                self.assertEqual(seen, row.calls, "of reinit, and of its child before the exec")

    def test_page_faults(self):
        for row in ROWS:
            if row.faulting is None:
                continue
            with self.subTest(row.name), tempfile.TemporaryDirectory() as folder:
                budget, faults = row.faults[self.mode], row.faulting(folder)
                print(f"{row.name}: {faults} page faults ({self.mode})")
                self.assertLessEqual(faults, budget * (1 + FAULT_SHARE), "more than the budget")
                self.assertGreaterEqual(faults, budget * (1 - FAULT_SHARE), "less: write the new number into the table")


if __name__ == "__main__":
    if "--opt" in sys.argv:
        sys.argv.remove("--opt")
        BudgetTest.mode = "opt"
    xml_runner.main()
