"""The first act: a plain init without the C library, and each way to hand over to main()."""

import os
import pty
import re
import shutil
import signal
import unittest

import harness
import namespace
import xml_runner

# What main() has, and the first act has not.
HEAP = "[heap]"
# Of the first act, in KiB: its stack, its result and what the kernel writes there. main() has more than 80.
FEW_PAGES = 24


@unittest.skipIf(harness.SANITIZED, "a sanitized binary has no first act")
class FirstActTest(harness.Pid1Test):
    def acts(self, run):
        return HEAP not in harness.proc(run.host, "maps")

    def hands_over(self, run):
        self.eventually(lambda: not self.acts(run), lambda: "main() did not start")

    def named(self, name):
        """reinit under another name."""
        path = os.path.join(self.folder(), name)
        shutil.copyfile(harness.REINIT, path)
        os.chmod(path, 0o755)
        return [path]

    def ends(self, run, app, code=7):
        self.tell(app, "exit", code=code)
        run.end(code)
        self.assertEqual(run.stderr, "")


class ActsTest(FirstActTest):
    def test_as_reinit_and_tini(self):
        for name in ("reinit", "tini", "tini-static", "docker-init"):
            with self.subTest(name):
                run, app = self.start_app(init=self.named(name))
                self.assertTrue(self.acts(run))
                pages = re.search(r"Anonymous:\s+(\d+) kB", harness.proc(run.host, "smaps_rollup"))
                self.assertLess(int(pages[1]), FEW_PAGES)
                self.ends(run, app)

    def test_as_a_child(self):
        run, app = self.start_app(pid1=False)
        self.assertTrue(self.acts(run))
        self.ends(run, app)

    def test_a_signal_and_an_orphan_need_no_more(self):
        run, app = self.start_app(config={"exit_on": {}})
        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGRTMIN + 1):
            run.kill(number)
            self.event("signal", signal=int(number))
        self.tell(app, "orphans", count=100)
        self.event("made")
        self.eventually(lambda: len(run.members()) == 2, run.members)
        self.assertTrue(self.acts(run))
        self.ends(run, app)


class DoesNotActTest(FirstActTest):
    def does_not_act(self, run, app):
        self.assertFalse(self.acts(run))
        self.ends(run, app)

    def test_with_a_flag(self):
        self.does_not_act(*self.start_app("--forward-to=process"))

    def test_with_a_variable(self):
        for variable in ("REINIT_STOP_TIMEOUT", "LISTEN_PID", "WATCHDOG_PID"):
            with self.subTest(variable):
                self.does_not_act(*self.start_app(env={variable: "2"}))
        self.does_not_act(*self.start_app(env={"TINI_VERBOSITY": "0"}, init=self.named("tini")))

    def test_without_the_dashes(self):
        run = self.start(*self.app())
        self.does_not_act(run, self.event("start"))

    def test_under_another_name(self):
        self.does_not_act(*self.start_app(init=self.named("dumb-init")))

    def test_on_a_terminal(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        run, app = self.start_app(stdio=(theirs, "pipe", "pipe"))
        os.close(theirs)
        self.does_not_act(run, app)

    def test_without_a_descriptor(self):
        run, app = self.start_app(setup=lambda: os.close(0))
        self.does_not_act(run, app)

    def test_with_children_ignored(self):
        run, app = self.start_app(setup=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.does_not_act(run, app)


class HandsOverTest(FirstActTest):
    def test_what_cannot_be_executed(self):
        run = self.start("--", "no-such-program")
        run.end(127)
        self.assertIn("cannot run 'no-such-program'", run.stderr)

    def test_a_script_without_a_first_line(self):
        script = self.write(os.path.join(self.folder(), "script"), "exit 3\n", 0o755)
        self.start("--", script, init=self.named("tini")).end(3)

    def test_a_program_that_is_open_for_writing(self):
        """main() starts it once it is closed, with the signal mask that there was."""
        program = os.path.join(self.folder(), "program")
        shutil.copyfile(shutil.which("grep"), program)
        os.chmod(program, 0o755)
        mask = 1 << (signal.SIGUSR2 - 1)
        with open(program, "ab"):
            run = self.start("--", program, "SigBlk", "/proc/self/status", setup=lambda: namespace.set_signal_mask(mask))
            self.hands_over(run)
        run.end(0)
        self.assertEqual(int(run.stdout.split()[1], 16), mask)

    def test_a_stopped_child(self):
        run, app = self.start_app()
        os.kill(app["host"], signal.SIGSTOP)
        self.hands_over(run)
        os.kill(app["host"], signal.SIGCONT)
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=int(signal.SIGUSR1))
        self.ends(run, app)

    def test_a_job_control_signal(self):
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT):
            with self.subTest(number):
                run, app = self.start_app()
                run.kill(number)
                self.event("signal", signal=int(number))
                self.hands_over(run)
                self.ends(run, app)

    def test_leftovers(self):
        run, app = self.start_app()
        self.tell(app, "spawn", name="left", session=True)
        self.event("start", name="left")
        self.tell(app, "exit", code=9)
        self.event("signal", name="left", signal=int(signal.SIGTERM))
        run.end(9)


if __name__ == "__main__":
    xml_runner.main()
