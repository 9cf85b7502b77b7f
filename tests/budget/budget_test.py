"""Counts what reinit does for each row of a table: system calls by name, exactly, and page faults, within a tenth.

A number that falls is written down here, so that it stays. More rows: ROWS.
"""

import collections
import os
import re
import subprocess
import sys
import tempfile
import unittest

import xml_runner

STRACE = "/usr/bin/strace"
REINIT = os.path.join(os.getcwd(), "cmd/reinit")
ENDS = os.path.join(os.getcwd(), "tests/budget/ends")
FIRST_ACT = {"PATH": "/bin"}
MAIN = {"PATH": "/bin", "LISTEN_FDNAMES": ""}  # which the first act leaves to main()
# On a busy machine the child may end before reinit waits, or only after a timer of reinit. That changes a run, not all.
RUNS = 20
FAULT_SHARE = 0.1
# The first call of main; what comes before it belongs to the C library.
MAIN_BEGINS = re.compile(r"rt_sigprocmask\(SIG_SETMASK, ~\[\]")


class Row:
    """One thing that reinit does, and what it may cost.

    `trace()` gives the lines `PID CALL(...` of strace that count. `init` and `child` are the calls by name that reinit makes,
    and that its child makes before its program replaces it. `faults` is the number of page faults of `faulting(folder)` for
    each compilation mode; None: they do not count.
    """

    def __init__(self, name, trace, init, child, faulting=None, faults=None):
        self.name, self.trace, self.init, self.child = name, trace, init, child
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


ROWS = [
    Row("start by the first act", lambda: trace_start(FIRST_ACT),
        init={"chdir": 1, "clone": 1, "close": 1, "close_range": 1, "exit_group": 1, "getpid": 1, "ioctl": 3, "openat": 1,
              "pipe2": 1, "prctl": 1, "read": 1, "rt_sigaction": 1, "rt_sigprocmask": 1, "rt_sigtimedwait": 1, "wait4": 2},
        child={"execve": 1, "fchdir": 1, "rt_sigprocmask": 1, "setpgid": 1},
        faulting=lambda folder: faults_of_start(folder, FIRST_ACT), faults={"opt": 29, "fastbuild": 29}),
    Row("start by main()", lambda: trace_start(MAIN),
        init={"chdir": 1, "close": 2, "epoll_create1": 1, "epoll_ctl": 1, "epoll_wait": 3, "exit_group": 1, "fchdir": 1, "fcntl": 3,
              "getpgrp": 2, "getpid": 5, "ioctl": 7, "mmap": 1, "openat": 1, "pipe2": 1, "prctl": 1, "read": 2, "rt_sigaction": 1,
              "rt_sigprocmask": 1, "signalfd4": 1, "vfork": 1, "wait4": 3},
        child={"execve": 1, "fchdir": 1, "rt_sigprocmask": 1, "setpgid": 1},
        faulting=lambda folder: faults_of_start(folder, MAIN), faults={"opt": 81, "fastbuild": 119}),
]


class BudgetTest(unittest.TestCase):
    maxDiff = None
    mode = "fastbuild"

    def test_system_calls(self):
        self.assertTrue(os.path.exists(STRACE), "strace is not installed")
        for row in ROWS:
            with self.subTest(row.name):
                budget = [row.init, row.child]
                seen = next((found for found in self.runs(row) if found == budget), None) or calls(row.trace())
                for found, allowed, who in zip(seen, budget, ("reinit", "its child before the exec")):
                    self.assertEqual(found, allowed, f"system calls of {who}")
                self.assertEqual(len(seen), len(budget), "processes")

    @staticmethod
    def runs(row):
        return (calls(row.trace()) for _ in range(RUNS))

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
