"""Fails the N-th call of one system call of reinit, in five kinds of run, by `strace --inject`.

scenarios.py has the runs, and what must not happen.

Each test takes random faults until its time is over, and prints the seed. REINIT_FAULTS_SEED=N takes those again;
REINIT_FAULTS_SECONDS=N gives each test more time; REINIT_FAULTS=all tries every fault:

    tools/bazel test //tests/faults --test_env=REINIT_FAULTS=all --test_timeout=36000
"""

import itertools
import os
import random
import re
import time
import unittest

import harness
import scenarios
import xml_runner
from scenarios import ALL, SECONDS, SEED

STRACE = "/usr/bin/strace"
MOST_CALLS = 20

# What the kernel may answer to a call of ours that is right. Left out are calls that cannot fail; close, which strace would
# not carry out; and brk, whose failure is no error number but the old end of the heap (allocations_test.py fails malloc).
FEW, MEMORY = "EMFILE", "ENOMEM"
ERRORS = {
    "accept4": [FEW, "ECONNABORTED"], "bind": ["EADDRINUSE", "EACCES"], "clone": ["EAGAIN", MEMORY],
    "clone3": ["EAGAIN", MEMORY], "connect": ["EAGAIN"], "dup2": ["EBUSY"], "epoll_create1": [FEW, MEMORY],
    "epoll_ctl": [MEMORY, "ENOSPC"], "epoll_pwait": ["EINTR"], "epoll_wait": ["EINTR"], "eventfd2": [FEW],
    "fchmod": ["EPERM"], "fchownat": ["EPERM"], "fcntl": [FEW], "fork": ["EAGAIN"], "getdents64": [MEMORY],
    "getrandom": ["ENOSYS"], "getsockopt": ["ENOBUFS"], "inotify_init1": [FEW], "ioctl": ["ENOTTY"],
    "listen": ["EADDRINUSE"], "madvise": ["EINVAL"], "memfd_create": [FEW, "ENOSYS"], "mmap": [MEMORY],
    "mremap": [MEMORY], "newfstatat": ["EACCES", MEMORY], "openat": [FEW, "ENFILE", "EACCES"], "pidfd_open": [FEW, "ENOSYS"],
    "pidfd_send_signal": ["ENOSYS"], "pipe2": [FEW, "ENFILE"], "poll": ["EINTR"], "ppoll": ["EINTR"], "prctl": ["EINVAL"], "prlimit64": ["EPERM"],
    "read": ["EINTR", "EIO"], "readlink": ["EACCES"], "recvfrom": ["EINTR", "ENOBUFS"], "recvmsg": ["EINTR", FEW],
    "renameat2": ["EACCES"], "rt_sigtimedwait": ["EINTR", "ENOSYS"], "sendmsg": ["EINTR", "EAGAIN"],
    "sendto": ["EINTR", "EAGAIN"], "setpgid": ["EPERM"], "setsockopt": ["ENOPROTOOPT"], "signalfd4": [FEW], "socket": [FEW], "socketpair": [FEW], "stat": ["EACCES"],
    "statx": ["ENOSYS"], "timerfd_create": [FEW], "unlink": ["EACCES"], "vfork": ["EAGAIN"], "wait4": ["EINTR"],
    "waitid": ["EINTR"], "write": ["EINTR", "EIO"],
}


class Fault:
    """The `number`-th call of `name` fails with `error`; or none does, and all calls go to a file."""

    def __init__(self, name=None, error=None, number=0):
        self.name, self.error, self.number = name, error, number

    def tracer(self, out):
        command = [STRACE, "-DDD", "-q", "-o", out]
        if self.name is None:
            return command
        return command + [f"--inject={self.name}:error={self.error}:when={self.number}", f"--trace={self.name}"]

    def __str__(self):
        return f"{self.name} {self.number}: {self.error}"


class FaultsTest(scenarios.Scenarios):
    def attempt(self, scenario, fault, out="/dev/null"):
        """Returns a text that tells what went wrong, or None."""
        problem = self.problem(scenario, [*fault.tracer(out), harness.REINIT])
        return problem and f"{fault}: {problem}"

    def calls(self, scenario):
        """How often each system call is made in a run without a fault, MOST_CALLS at most."""
        out = os.path.join(self.folder(), "calls")
        self.assertIsNone(self.attempt(scenario, Fault(), out))
        self.may_refuse = True
        counts = {}
        with open(out, encoding="utf-8", errors="replace") as trace:
            for line in trace:
                name = re.match(r"\w+", line)
                if name is not None:
                    counts[name[0]] = min(counts.get(name[0], 0) + 1, MOST_CALLS)
        return counts

    def try_faults(self, scenario):
        self.assertTrue(os.path.exists(STRACE), "strace is not installed")
        counts = self.calls(scenario)
        faults = [Fault(name, error, number) for name, errors in ERRORS.items()
                  for error, number in itertools.product(errors, range(1, counts.get(name, 0) + 1))]
        random.Random(SEED).shuffle(faults)
        limit = time.monotonic() + SECONDS
        broken, tried = [], 0
        for fault in faults:
            if not ALL and time.monotonic() > limit:
                break
            tried += 1
            broken.append(self.attempt(scenario, fault))
        broken = list(filter(None, broken))
        print(f"{self.id()}: {tried} of {len(faults)} faults, seed {SEED}", flush=True)
        self.assertEqual(broken, [], "\n\n".join(broken))

    def test_plain(self):
        self.try_faults(self.plain)

    def test_plain_by_main(self):
        self.try_faults(self.plain_by_main)

    def test_supervising(self):
        self.try_faults(self.supervising)

    def test_start_first(self):
        self.try_faults(self.start_first)

    def test_workers(self):
        self.try_faults(self.workers)

    def test_sidecar(self):
        self.try_faults(self.sidecar)


if __name__ == "__main__":
    xml_runner.main()
