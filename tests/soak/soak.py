"""Random chaos: a supervising reinit as PID 1, to which everything happens that a container sees, in random order.

After each handful of actions exactly one process must run, it must have read the file that was saved last, and nothing
else may be left. One command runs it for as long as wanted, and a failure names the seed and the last actions:

    tools/bazel run //tests/soak -- --minutes=30 --seed=7
"""

import argparse
import collections
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import harness
import xml_runner

MINUTES, SEED = 2.0, None
FATAL = [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT, signal.SIGTERM, signal.SIGQUIT]
FLAGS = ["--watch-settle=10ms", "--reload-delay=10ms", "--restart=always", "--restart-delay=1ms", "--restart-delay-max=10ms",
         "--start-limit-burst=0", "--stop-timeout=2s", "--leftover-timeout=500ms", "--health-interval=50ms"]
ORDERS = [["--restart-order=stop-first"], ["--restart-order=start-first"], ["--restart-order=start-first", "--ready=exec:/bin/true"],
          ["--restart-order=stop-first", "--pre-start=/bin/true", "--post-stop=/bin/true"]]
KEPT = 40  # of the last actions, for a failure


class Soak(harness.Pid1Test):
    """One run of reinit after the other, each with other flags and some hundred actions."""

    # Saves that keep coming while a hook of the reload runs look like a reload loop: held back for 30 s at most.
    deadline = 75

    def test_chaos(self):
        seed = time.time_ns() % 1_000_000 if SEED is None else SEED
        self.random = random.Random(seed)
        self.log = collections.deque(maxlen=KEPT)
        limit, actions, runs = time.monotonic() + 60 * MINUTES, 0, 0
        try:
            while time.monotonic() < limit:
                runs += 1
                actions += self.one_run(limit)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, after {actions} actions in earlier runs; flags and actions: "
                                 f"{list(self.log)}\n{error}") from error
        print(f"{actions} actions in {runs} runs, seed {seed}", flush=True)

    def one_run(self, limit):
        folder = self.folder()
        self.watched, self.control = os.path.join(folder, "watched"), os.path.join(folder, "control")
        os.mkdir(self.watched, 0o755)
        self.file = self.write(os.path.join(self.watched, "file"), "0")
        self.saved, self.events[:] = 0, []
        flags = [*FLAGS, *self.random.choice(ORDERS), *self.random.choice([[], ["--health=exec:/bin/true"]])]
        self.log.append(" ".join(flags))
        self.run_, self.newest = self.start_app(*flags, f"--watch={self.watched}", f"--control={self.control}",
                                                config={"reads": self.file})
        self.settles()
        descriptors, actions = len(self.run_.fds()), 0
        for _ in range(self.random.randrange(10, 60)):
            for _ in range(self.random.randrange(1, 5)):
                self.act()
                actions += 1
            self.settles()
            if time.monotonic() > limit:
                break
        self.eventually(lambda: len(self.run_.fds()) <= descriptors, lambda: f"more than {descriptors}: {self.run_.fds()}")
        self.run_.kill(signal.SIGTERM)
        self.assertIn(self.run_.end(), (0, 143))
        self.run_.destroy()
        self.runs.remove(self.run_)
        return actions

    # What happens.

    def act(self):
        action = self.random.choice([self.save, self.save, self.burst, self.die, self.leave, self.orphans, self.daemon,
                                     self.ask, self.forward, self.halt, self.garbage, self.lose_helper, self.enter])
        self.log.append(action.__name__)
        self.take_newest()
        action()

    def save(self):
        """With another file each time: the same one alone, again and again, looks like a reload loop, too."""
        self.saved += 1
        self.write(os.path.join(self.watched, f"other{self.saved % 9}"))
        self.write(self.file, str(self.saved))

    def burst(self):
        for _ in range(self.random.randrange(2, 40)):
            self.save()

    def die(self):
        self.tell_newest("die", signal_number=int(self.random.choice(FATAL)))

    def leave(self):
        self.tell_newest("exit", code=self.random.randrange(3))

    def orphans(self):
        self.tell_newest("orphans", count=self.random.randrange(1, 100))

    def daemon(self):
        """It belongs to its instance, and has to go with it."""
        self.tell_newest("spawn", name="daemon", session=True, orphan=True)
        self.ctl("restart")

    def ask(self):
        self.ctl(*self.random.choice([["reload"], ["restart"], ["status"], ["status", "--json"], ["signal", "USR1"]]))

    def forward(self):
        self.run_.kill(self.random.choice([signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT]))

    def halt(self):
        """The process stands still for a moment; it may be stopped or reloaded meanwhile."""
        pid = self.newest["host"]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            if self.random.random() < 0.3:
                self.save()

    def garbage(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(self.control)
            client.send(self.random.randbytes(self.random.randrange(1, 300)))

    def lose_helper(self):
        helpers = list(self.run_.helpers().values())
        if helpers:
            os.kill(self.random.choice(helpers), self.random.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP]))

    def enter(self):
        """As `docker exec true`."""
        self.run_.enter(["/bin/true"])

    # What must be so afterwards.

    def take_newest(self):
        for event in self.events:
            if event["event"] == "start" and event["name"] == "main":
                self.newest = event
        self.events[:] = []

    def tell_newest(self, do, **order):
        try:
            self.tell(self.newest, do, **order)
        except (ConnectionRefusedError, FileNotFoundError):
            pass  # it has ended meanwhile

    def settles(self):
        def settled():
            self.pump(0)
            self.take_newest()
            return (self.alive(self.newest) and self.newest["content"] == str(self.saved)
                    and self.state() == ("ready", "none") and not self.others())
        self.eventually(settled, lambda: f"not settled: saved {self.saved}, the newest read {self.newest['content']}, "
                        f"alive {self.alive(self.newest)}, {self.state()}, others {self.others()}")
        self.assertIsNone(self.run_.status, self.run_.stderr[-3000:])

    def ctl(self, *words):
        return subprocess.run([harness.REINIT, f"--control={self.control}", "ctl", *words], capture_output=True,
                              timeout=self.deadline, check=False)

    def state(self):
        done = self.ctl("status", "--json")
        if done.returncode != 0:
            return done.stderr
        status = json.loads(done.stdout)
        return status["state"], status["change"]["state"]

    def others(self):
        mine = {self.run_.top, self.run_.host, self.newest["host"], *self.run_.helpers().values()}
        return [process for process in self.run_.members() if process.host not in mine]


def main():
    global MINUTES, SEED
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    MINUTES, SEED = options.minutes, options.seed
    sys.argv[1:] = []
    xml_runner.main()


if __name__ == "__main__":
    main()
