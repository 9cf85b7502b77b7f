"""Fails the N-th allocation of reinit: of its own process, of the children that it forks, or of its helpers.

The program is reinit_without_memory: reinit with the malloc of failing_malloc.cc. scenarios.py has the runs, and what must
not happen. One more run has files that children read and write.

Each test takes random allocations until its time is over, and prints the seed. REINIT_FAULTS_SEED=N takes those again;
REINIT_FAULTS_SECONDS=N gives each test more time; REINIT_FAULTS=all tries every allocation:

    tools/bazel test //tests/faults:allocations --test_env=REINIT_FAULTS=all --test_timeout=36000
"""

import collections
import contextlib
import os
import random
import resource
import signal
import socket
import struct
import time
import unittest

import harness
import scenarios
import xml_runner
from scenarios import ALL, SECONDS, SEED

PLAN = harness.REINIT + ".allocations"
ROLES = ("init", "children", "helpers")
ROLE, PLAN_END = struct.Struct("<4q"), struct.Struct("<2q")
ENDLESS = 1 << 62


State = collections.namedtuple("State", "made failed kept_at")


def plan(reserve=True, **fails):
    """Says which allocations of the next reinit fail: for each role the number of the first and of the one after the last.
    The file is mapped by each process of that reinit; failing_malloc.cc has its layout."""
    with open(PLAN, "wb") as file:
        for role in ROLES:
            file.write(ROLE.pack(0, *fails.get(role, (0, 0)), 0))
        file.write(PLAN_END.pack(not reserve, 0))


def fail_after(others, number=1):
    """After so many others of the init that runs, the next `number` allocations fail."""
    first = state().made["init"] + others + 1
    with open(PLAN, "r+b") as file:
        file.seek(8)
        file.write(struct.pack("<2q", first, first + number))


def state():
    """How many allocations were made by each role, how many failed, and how many came before the reserve was kept."""
    with open(PLAN, "rb") as file:
        content = file.read()
    values = [ROLE.unpack_from(content, ROLE.size * at) for at in range(len(ROLES))]
    made = {role: value[0] for role, value in zip(ROLES, values)}
    return State(made, sum(value[3] for value in values), PLAN_END.unpack_from(content, ROLE.size * len(ROLES))[1])


class AllocationsTest(scenarios.Scenarios):
    deadline = 20

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def refused(self, run):
        """The first allocations come before main, where the C library itself gives up."""
        self.assertTrue(self.may_refuse, run.stderr)
        self.assertNotEqual(self.end(run), 0)

    def end(self, run, code=None):
        """A helper that was killed may still be in the kernel: reinit waits 500 ms for it, and under load that is little."""
        self.wait_for(lambda: run.status is not None, "the end of reinit")
        while run.report is not None:
            run.collect()
        killed = str(int(signal.SIGKILL))
        run.left = [stat for stat in run.left if "(reinit)" not in stat or stat.split()[-1] != killed]
        return run.end(code)

    def attempt(self, scenario, role, number):
        """Returns a text that tells what went wrong, or None."""
        plan(**{role: (number, number + 1)})
        problem = self.problem(scenario, [harness.REINIT])
        return problem and f"{role} {number}: {problem}"

    def try_all(self, scenario):
        plan()
        self.assertIsNone(self.problem(scenario, [harness.REINIT]))
        found = state()
        faults = [(role, number) for role in ROLES for number in range(1, found.made[role] + 1)]
        random.Random(SEED).shuffle(faults)
        limit = time.monotonic() + SECONDS / 2
        broken, tried, failed = [], 0, 0
        for role, number in faults:
            if not ALL and time.monotonic() > limit:
                break
            self.may_refuse = role == "init" and number <= found.kept_at
            broken.append(self.attempt(scenario, role, number))
            tried += 1
            failed += state().failed
        broken = list(filter(None, broken))
        print(f"{self.id()}: {tried} of {len(faults)} allocations {found.made}, {failed} failed, seed {SEED}", flush=True)
        self.assertEqual(broken, [], "\n\n".join(broken))
        self.assertGreater(failed, 0)

    def files(self, init):
        """The supervising run with files that children of reinit read and write."""
        folder = self.folder()
        variables = self.write(os.path.join(folder, "variables"), "A=1\n")
        self.supervising(init, f"--env-file={variables}", f"--ready-file={folder}/ready", f"--termination-log={folder}/end")

    def test_plain(self):
        self.try_all(self.plain)

    def test_supervising(self):
        self.try_all(self.supervising)

    def test_start_first(self):
        self.try_all(self.start_first)

    def test_workers(self):
        self.try_all(self.workers)

    def test_sidecar(self):
        self.try_all(self.sidecar)

    def test_files(self):
        self.try_all(self.files)

    def running(self, **how):
        """A plain init with an application, and a client of its control socket: each request allocates, and no child ends."""
        path = os.path.join(self.folder(), "control")
        run, app = self.start_app(f"--control={path}", **how)
        self.client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.client.close)
        self.client.settimeout(self.deadline)
        self.client.connect(path)
        self.assertIn(b"state", self.ask())
        return run, app

    def ask(self):
        self.client.send(b"status json")
        return self.client.recv(1 << 16)

    def fail_at_a_request(self, others, number=1):
        """fail_after, then a request. Returns the answer; empty: reinit has ended."""
        fail_after(others, number)
        with contextlib.suppress(ConnectionError):
            return self.ask()
        return b""

    def end_with_app(self, run, app):
        """Nothing else is left; and as the child of another process reinit leaves its application."""
        run.wait_for(lambda: run.status is not None, "the end of reinit")
        return run.end(may_be_left=[app["host"], app["pid"]])

    def test_again_and_again_while_no_child_ends(self):
        plan()
        run, _ = self.running()
        for others in range(20):
            self.assertIn(b"state", self.fail_at_a_request(others))
            self.assertEqual(state().failed, others + 1)
        run.says("memory had run out, and reinit's reserve was used")
        run.kill(signal.SIGTERM)
        run.end(0)

    def test_twin_without_the_reserve(self):
        plan(reserve=False)
        run, app = self.running(pid1=False)
        # Not every allocation is one of operator new.
        answers = (self.fail_at_a_request(others) for others in range(20))
        self.assertIn(b"", answers)
        self.assertEqual(self.end_with_app(run, app), -signal.SIGABRT)

    def test_more_than_the_reserve_ends_it(self):
        # The kernel drops a SIGABRT of PID 1 to itself, so abort() ends it by an instruction that traps.
        for pid1, code in ((False, -signal.SIGABRT), (True, -signal.SIGSEGV)):
            with self.subTest(pid1=pid1):
                plan()
                run, app = self.running(pid1=pid1)
                self.assertEqual(self.fail_at_a_request(0, ENDLESS), b"")
                self.assertEqual(self.end_with_app(run, app), code)
                self.assertIn("reinit: out of memory: ending by SIGABRT\n", run.stderr)

    def test_its_end_does_not_wait_for_a_reader_of_stderr(self):
        plan()
        _, full = self.full_pipe()
        run, app = self.running(stdio=(None, full, full), pid1=False)
        self.assertEqual(self.fail_at_a_request(0, ENDLESS), b"")
        self.assertEqual(self.end_with_app(run, app), -signal.SIGABRT)

    def test_a_helper_ends_also_without_a_reader_of_stderr(self):
        plan()
        self.assertIsNone(self.problem(self.supervising, [harness.REINIT]))
        last = state().made["helpers"]
        _, full = self.full_pipe()
        for number in (last // 3, last * 2 // 3):
            plan(helpers=(number, number + 1))
            self.assertIsNone(self.problem(lambda init: self.supervising(init, stdio=(None, full, full)), [harness.REINIT]))
            self.assertEqual(state().failed, 1)


if __name__ == "__main__":
    xml_runner.main()
