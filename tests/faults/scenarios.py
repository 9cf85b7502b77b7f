"""The six kinds of run of the tests in this folder, in which something fails: a plain init, by the first act and without
it, a supervising one, one that starts the next process first, one with two workers, and a sidecar.

Whatever fails: reinit does not crash or hang, no exit is lost, no change is lost, and nothing is left behind. A start
may be refused, with a line that says why and before anything runs.
"""

import os
import signal
import time

import harness

ALL = os.environ.get("REINIT_FAULTS") == "all"
SEED = int(os.environ.get("REINIT_FAULTS_SEED", time.time_ns() % 1_000_000))
SECONDS = float(os.environ.get("REINIT_FAULTS_SECONDS", "8"))
QUICK = ["--watch-settle=10ms", "--reload-delay=10ms", "--log-level=debug", "--control=off"]
RETRY = ["--restart=always", "--restart-delay=1ms", "--restart-delay-max=10ms"]


class Scenarios(harness.Pid1Test):
    """Each scenario gets the command line of an init, and fails unless that does all that it should."""

    may_refuse = False

    def plain(self, init, *flags):
        run = self.start(*flags, "--", *self.app(), init=init, pid1=False)
        if self.starts(run):
            self.tell(self.event("start"), "exit", code=7)
            self.end(run, 7)

    def plain_by_main(self, init):
        """A flag keeps the first act from it."""
        self.plain(init, "--forward-to=process")

    def supervising(self, init, *flags, **how):
        watched = self.write(os.path.join(self.folder(), "file"))
        run = self.start(*QUICK, *RETRY, *flags, f"--watch={watched}", "--", *self.app(), init=init, pid1=False, **how)
        if not self.starts(run):
            return
        self.event("start")  # the first scan comes before it
        self.write(watched, "changed")
        self.event("start")
        self.end_by_term(run)

    def start_first(self, init):
        self.supervising(init, "--restart-order=start-first")

    def workers(self, init):
        """A worker that could not be started the first time is started by the change."""
        watched = self.write(os.path.join(self.folder(), "file"))
        run = self.start(*QUICK, *RETRY, "--workers=2", f"--watch={watched}", "--", *self.app(reads=watched), init=init,
                         pid1=False)
        if not self.starts(run):
            return
        self.write(watched, "changed")
        replaced = set()
        while len(replaced) < 2:
            replaced.add(self.event("start", content="changed")["env"]["REINIT_WORKER"])
        self.end_by_term(run)

    def sidecar(self, init):
        folder = self.folder()
        watched, done = self.write(os.path.join(folder, "file")), os.path.join(folder, "done")
        run = self.start(*QUICK, f"--watch={watched}", f"--on-change=exec:/bin/cp {watched} {done}", init=init, pid1=False)
        self.wait_for(lambda: run.status is not None or "scan done" in run.stderr or "were lost" in run.stderr, "scan or end")
        if run.status is not None:
            self.refused(run)
            return
        self.write(watched, "changed")
        self.eventually(lambda: os.path.exists(done), lambda: "the change was not applied")
        self.end_by_term(run)

    def starts(self, run):
        """Whether the application runs; else reinit has ended and has said why."""
        self.wait_for(lambda: run.status is not None or any(e["event"] == "start" for e in self.events), "start or end")
        if any(e["event"] == "start" for e in self.events):
            return True
        self.refused(run)
        return False

    def refused(self, run):
        self.assertTrue(self.may_refuse, run.stderr)
        self.assertGreater(self.end(run), 0, "ended by a signal")
        self.assertRegex(run.stderr, r"reinit: .*\w", "ended without a word")

    def end_by_term(self, run):
        run.kill(signal.SIGTERM)
        self.assertIn(self.end(run), (0, 143))

    def end(self, run, code=None):
        """A tracer, which is nobody's child, may end after reinit."""
        self.wait_for(lambda: run.status is not None, "the end of reinit")
        while run.report is not None:
            run.collect()
        run.left = [stat for stat in run.left if "(strace)" not in stat]
        return run.end(code)

    def problem(self, scenario, init):
        """Runs a scenario; returns a text that tells what went wrong, or None."""
        self.events.clear()
        try:
            scenario(init)
            return None
        except AssertionError as error:
            said = "".join(run.stderr[-3000:] for run in self.runs)
            return f"{str(error)[:3000]}\nstderr:\n{said}"
        finally:
            for run in self.runs:
                run.destroy()
            self.runs.clear()
