"""What happens when the process ends by itself: restart policies, limits, what the next one is given."""

import os
import shutil
import signal

import harness
import xml_runner

TERM = signal.SIGTERM
QUICK = ["--restart-delay=1ms", "--restart-delay-max=2ms"]


class PolicyTest(harness.Pid1Test):
    def lives(self, *flags, codes, end):
        """A process that ends with each of `codes` in turn, and no more often."""
        for pid1 in (True, False):
            with self.subTest(flags=flags, pid1=pid1):
                run = self.start(*QUICK, *flags, "--", *self.app(), pid1=pid1)
                for generation, code in enumerate(codes, 1):
                    app = self.event("start")
                    self.assertEqual(app["env"].get("REINIT_GENERATION", "1"), str(generation))
                    if code < 0:
                        self.tell(app, "die", signal_number=-code)
                    else:
                        self.tell(app, "exit", code=code)
                run.end(end)
                self.no_event("start")

    def test_no(self):
        self.lives("--restart=no", codes=[3], end=3)
        self.lives(codes=[0], end=0)

    def test_on_failure(self):
        self.lives("--restart=on-failure", codes=[1, 255, -9, -15, 0], end=0)

    def test_on_failure_so_many_times(self):
        self.lives("--restart=on-failure:2", codes=[1, 2, 3], end=3)
        self.lives("--restart=on-failure:2", codes=[1, 0], end=0)
        self.lives("--restart=on-failure:1", codes=[1, -9], end=137)

    def test_always(self):
        self.lives("--restart=always", "--start-limit-burst=4", codes=[0, 1, 0, -11, 6], end=6)

    def test_limit_reached_with_success_is_a_failure(self):
        self.lives("--restart=always", "--start-limit-burst=2", codes=[0, 0, 0], end=1)

    def test_thirty_restarts_leave_nothing(self):
        run, app = self.start_app("--restart=always", "--start-limit-burst=0", *QUICK)
        fds = run.fd_kinds()
        for _ in range(30):
            self.tell(app, "spawn", name="leftover", orphan=True)
            self.event("start", name="leftover")
            self.tell(app, "exit", code=1)
            app = self.event("start", name="main")
        run.only(app["host"])
        run.same_fds(fds)
        run.kill(TERM)
        run.end(0)

    def test_reason_and_generation_are_told(self):
        run, app = self.start_app("--restart=always", *QUICK)
        self.assertEqual(app["env"]["REINIT_GENERATION"], "1")
        self.assertNotIn("REINIT_CHANGED", app["env"])
        self.tell(app, "exit", code=77)
        again = self.event("start")
        self.assertEqual(again["env"]["REINIT_GENERATION"], "2")
        self.assertIn("77", again["env"]["REINIT_REASON"])
        self.assertNotEqual(again["env"]["REINIT_INSTANCE"], app["env"]["REINIT_INSTANCE"], "tells its orphans from others")
        self.tell(again, "die", signal_number=int(signal.SIGSEGV))
        self.assertIn("SEGV", self.event("start")["env"]["REINIT_REASON"])
        run.kill(TERM)
        run.end(0)

    def test_flags_from_the_environment_are_not_handed_on(self):
        run, app = self.start_app(env={"REINIT_RESTART": "always", "REINIT_RESTART_DELAY": "1ms", "REINIT_PORT": "1",
                                       "REINIT_STOP_SIGNAL": "USR1", "OTHER": "x"}, config={"exit_on": {"10": 0}})
        self.assertEqual({"REINIT_PORT", "REINIT_GENERATION", "REINIT_INSTANCE", "REINIT_REASON"},
                         {name for name in app["env"] if name.startswith("REINIT_")})
        self.assertEqual(app["env"]["OTHER"], "x")
        self.tell(app, "exit", code=1)
        self.event("start")
        run.kill(TERM)
        self.event("signal", signal=signal.SIGUSR1)
        run.end(0)

    def test_stdin_survives(self):
        reader, writer = os.pipe()
        run, app = self.start_app("--restart=always", *QUICK, stdio=(reader, "pipe", "pipe"))
        os.write(writer, b"firstsecond")
        self.tell(app, "read", fd=0, size=5)
        self.assertEqual(self.event("read")["text"], "first")
        self.tell(app, "exit", code=0)
        app = self.event("start")
        self.tell(app, "read", fd=0, size=6)
        self.assertEqual(self.event("read")["text"], "second")
        run.kill(TERM)
        run.end(0)
        os.close(reader)
        os.close(writer)


class NoProcessTest(harness.Pid1Test):
    def test_first_start_that_cannot_be_run_ends_it(self):
        for flags in (["--restart=always"], ["--restart=on-failure"], ["--after-exit=wait", f"--watch={self.folder()}"]):
            with self.subTest(flags):
                run = self.start(*flags, "--", "/no/such/program")
                run.end(127)

    def program(self):
        path = os.path.join(self.folder(), "program")
        words = " ".join(f"'{word}'" for word in self.app())
        return self.write(path, f"#!/bin/sh\nexec {words}\n", 0o755)

    def test_a_program_that_is_away_for_a_while(self):
        for away in (lambda path: os.rename(path, path + ".away"), lambda path: os.chmod(path, 0o644)):
            path = self.program()
            run = self.start("--restart=always", "--start-limit-burst=0", *QUICK, "--", path)
            app = self.event("start")
            away(path)
            self.tell(app, "exit", code=0)
            run.says("cannot run", path)
            if os.path.exists(path):
                os.chmod(path, 0o755)
            else:
                os.rename(path + ".away", path)
            app = self.event("start")
            run.only(app["host"])
            run.kill(TERM)
            run.end(0)

    def test_a_program_that_is_being_written(self):
        """ETXTBSY: a copy that is not finished is tried again until it is."""
        folder = self.folder()
        program, new = os.path.join(folder, "program"), os.path.join(folder, "new")
        for path in (program, new):
            shutil.copy("/bin/sleep", path)

        def runs():
            return [p for p in run.members() if p.name == "program"]
        run = self.start("--restart=always", "--start-limit-burst=0", *QUICK, "--", program, "1000")
        self.eventually(runs, lambda: "it does not run")
        with open(new, "ab"):
            os.rename(new, program)
            os.kill(runs()[0].host, signal.SIGKILL)
            run.says("cannot run", program, "open for writing")
        self.eventually(runs, lambda: "it does not run once it is written")
        run.kill(TERM)
        run.end(143)

    def test_a_program_that_stays_away(self):
        path = self.program()
        run = self.start("--restart=always", "--start-limit-burst=3", *QUICK, "--", path)
        app = self.event("start")
        os.unlink(path)
        self.tell(app, "exit", code=0)
        run.end(127)

    def test_signals_in_backoff_do_not_end_the_next_one(self):
        """It starts with all that they may have been about; their default action would only end it."""
        run, app = self.start_app("--restart=always", "--restart-delay=500ms")
        self.tell(app, "exit", code=1)
        run.only()
        run.kill(signal.SIGUSR1)
        run.kill(signal.SIGHUP)
        self.event("start")
        run.kill(signal.SIGUSR2)
        self.event("signal", signal=signal.SIGUSR2)
        self.no_event("signal")
        run.kill(TERM)
        run.end(0)

    def test_staying_after_the_limit(self):
        run = self.start("--restart=always", "--start-limit-burst=1", "--start-limit-action=stay", *QUICK,
                         f"--watch={self.folder()}", "--", *self.app(exit=1))
        self.event("start")
        self.event("start")
        run.only()
        self.no_event("start")
        run.kill(TERM)
        run.end(143)


if __name__ == "__main__":
    xml_runner.main()
