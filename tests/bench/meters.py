"""Reads from /proc what running processes have used, and counts system calls with strace."""

import glob
import os
import re
import shutil
import subprocess
import tempfile
import time

# reinit gives memory back 100 ms after a start, and has a timer armed until then. No event announces that moment to other
# processes, so the benchmarks wait this many seconds.
REST = 0.5


def come_to_rest():
    time.sleep(REST)


def proc(pid, file):
    with open(f"/proc/{pid}/{file}") as content:
        return content.read()


def children(pid):
    return [int(child) for child in proc(pid, f"task/{pid}/children").split()]


def tree(pid):
    """The process and its descendants."""
    found, below = [], [pid]
    while below:
        found.append(below.pop())
        for task in glob.glob(f"/proc/{found[-1]}/task/*/children"):
            with open(task) as listed:
                below += map(int, listed.read().split())
    return found


def processor_time(pid):
    """Seconds that the threads of one process have used."""
    return sum(int(proc(pid, f"task/{task}/schedstat").split()[0]) for task in os.listdir(f"/proc/{pid}/task")) / 1e9


def memory(pid):
    """PSS and private dirty memory of one process, in KiB."""
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", proc(pid, "smaps_rollup"), re.MULTILINE))
    return int(sizes["Pss"]), int(sizes["Private_Dirty"])


def context_switches(pid):
    return sum(sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", proc(pid, f"task/{task}/status"))))
               for task in os.listdir(f"/proc/{pid}/task"))


class ProcessorTime:
    """Measures the processor time that a process uses from now on, in seconds."""

    def __init__(self, pid):
        self._pid, self._before = pid, processor_time(pid)

    def stop(self):
        return processor_time(self._pid) - self._before


class SystemCalls:
    """Counts the system calls that a process makes from now on. Measure no times meanwhile: strace slows the process down."""

    def __init__(self, pid):
        self._trace = tempfile.NamedTemporaryFile("r", prefix="strace")
        self._strace = subprocess.Popen(["strace", "-o", self._trace.name, "-p", str(pid)], text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = self._strace.stderr.readline()
        if "attached" not in line:
            raise RuntimeError(f"strace -p {pid}: {line.strip()}")

    def stop(self):
        self._strace.terminate()  # strace then detaches from the process and writes the rest of the trace
        self._strace.communicate()
        with self._trace as trace:
            return count_calls(trace.read())


def count_calls(trace):
    """Counts the lines with calls: `strace -c` would leave out calls that never return, such as exit_group."""
    return len(re.findall(r"^(?:\d+ +)?\w+\(", trace, re.MULTILINE))


def calls_of(command, environment):
    """Counts the system calls of a command that ends, and of its descendants."""
    environment = {**environment, "ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer fails under strace
    with tempfile.NamedTemporaryFile("r", prefix="strace") as trace:
        subprocess.run(["strace", "-f", "-o", trace.name, *command], env=environment, stdin=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, check=True)
        return count_calls(trace.read())


def can_count_calls():
    return shutil.which("strace") is not None
