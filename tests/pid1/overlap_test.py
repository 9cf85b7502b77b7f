"""Start-first reloads under load: no request is lost, a broken new version leaves the old one serving, and an end during
an overlap is the end of both. The load and the server are those of held_test.py."""

import os
import signal
import socket

import harness
import xml_runner
from held_test import RELOADS, SERVER, Load, free_port

START_FIRST = ["--restart-order=start-first", "--watch-settle=1ms", "--stop-timeout=20s"]
# One try more, then the next change is waited for.
GIVES_UP = ["--start-limit-burst=1", "--restart-delay=1ms"]
PATIENCE = "5s"  # for the new version to get ready; enough for a server on a busy machine
WAITS = "waiting for the next change"


class OverlapTest(harness.Pid1Test):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.file, self.watched = os.path.join(self.folder(), "server"), self.folder()
        self.change(SERVER)

    def change(self, code, mode=0o755, interpreter=harness.PYTHON):
        """Another version of the program, which reinit itself executes, so that exec can fail too."""
        self.write(self.file, f"#!{interpreter} -SE\n{code}", mode)
        # What tells of it has another name each time: one file that changes after each reload would be held back.
        self.write(os.path.join(self.watched, str(len(os.listdir(self.watched)))))

    def serve(self, *flags, how=("held",)):
        run = self.start(*START_FIRST, f"--watch={self.watched}", *flags, "--", self.file, str(self.port), *how)
        run.says("ready after")
        return run

    def hold(self, *flags):
        return self.serve(f"--listen=tcp://127.0.0.1:{self.port}", *flags)

    def load(self):
        return Load(socket.AF_INET, ("127.0.0.1", self.port))

    def servers(self):
        """How many generations live. One that was told to end may answer until it is scheduled."""
        run = self.runs[-1]
        return sum(process.parent == run.host and process.host not in run.helpers().values() for process in run.members())

    def taken_over(self, load, before):
        """Waits until a later generation than `before` is all that lives and answers; returns which."""
        self.eventually(lambda: load.latest > before and load.in_a_row >= 20 and self.servers() == 1,
                        lambda: f"no generation after {before} answers: {load.answers} {load.failures[-3:]}")
        return max(load.answers)

    def goes_on(self, load, generation):
        """Many more answers, all of this generation."""
        before = dict(load.answers)
        self.eventually(lambda: load.total() >= sum(before.values()) + 100, lambda: f"no answers: {load.failures[-3:]}")
        self.assertEqual({other for other in load.answers if load.answers[other] != before.get(other)}, {generation})

    def end(self, run, load):
        print(f"    {load.summary()}")
        run.kill(signal.SIGTERM)
        run.end()

    def reload_under_load(self, run):
        """Many reloads by a changed file."""
        with self.load() as load:
            generation = self.taken_over(load, 0)
            for _ in range(RELOADS):
                self.change(SERVER)
                generation = self.taken_over(load, generation)
        self.end(run, load)
        self.assertEqual(generation, RELOADS + 1)
        return load

    def test_no_request_is_lost(self):
        load = self.reload_under_load(self.hold())
        self.assertEqual(load.failures, [])

    def test_twin_that_binds_its_own_port(self):
        """Two cannot have one port: the same load, stopped first, loses requests."""
        run = self.serve("--restart-order=stop-first", "--ready=delay:1ms", how=())
        load = self.reload_under_load(run)
        self.assertTrue(any("ConnectionRefused" in failure for failure in load.failures), load.failures[:3])

    def broken(self, *flags, says, **version):
        """A new version that does not come up: the old one serves, the next version is taken up. None is lost."""
        run = self.hold(*GIVES_UP, *flags)
        with self.load() as load:
            generation = self.taken_over(load, 0)
            self.change(**version)
            tried = run.says(*says)
            run.says(WAITS, after=tried)
            self.goes_on(load, generation)
            self.change(SERVER)
            self.taken_over(load, generation)
        self.end(run, load)
        self.assertEqual(load.failures, [])

    def test_a_version_that_exits(self):
        self.broken(code="import sys; sys.exit(3)", says=["ended: exit code 3", "goes on"])

    def test_a_version_that_is_never_ready(self):
        self.broken(f"--ready-timeout={PATIENCE}", code="import signal; signal.pause()",
                    says=[f"not ready within {PATIENCE}", "goes on"])

    def test_a_version_that_cannot_be_executed(self):
        self.broken(code="", mode=0o644, says=["goes on"])

    def test_a_version_whose_interpreter_is_gone(self):
        self.broken(code="", interpreter="/no/such/python", says=["goes on"])

    def test_a_failed_start_is_tried_again(self):
        """With no further change, too: what it missed may come."""
        missed = os.path.join(self.folder(), "missed")
        run = self.hold("--restart-delay=10ms")
        with self.load() as load:
            generation = self.taken_over(load, 0)
            self.change(f"import os, sys\nif not os.path.exists({missed!r}): sys.exit(3)\n{SERVER}")
            run.says("goes on", "trying again")
            self.goes_on(load, generation)
            self.write(missed)
            self.taken_over(load, generation)
        self.end(run, load)
        self.assertEqual(load.failures, [])

    def overlap(self, *flags):
        """A load on the old one while the new one is not ready, and never will be."""
        run = self.hold(*flags)
        self.change("import signal; print('two', flush=True); signal.pause()")
        run.wait_for(lambda: "two" in run.stdout, "the second process")
        return run

    def test_change_during_an_overlap(self):
        """It takes the place of the one before, however long that one might still be awaited."""
        run = self.overlap("--ready-timeout=infinity")
        with self.load() as load:
            self.goes_on(load, 1)
            self.change(SERVER)
            run.says("takes the place of")
            self.taken_over(load, 1)
        self.end(run, load)
        self.assertEqual(load.failures, [])

    def test_term_during_an_overlap(self):
        """Both end, at once; the exit code is that of the one that served."""
        run = self.overlap()
        run.kill(signal.SIGTERM)
        run.end(0)


if __name__ == "__main__":
    xml_runner.main()
