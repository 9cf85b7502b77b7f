"""--pre-start and --post-stop, with real processes."""

import os
import signal

import harness
import xml_runner

TERM = signal.SIGTERM


class HooksTest(harness.Pid1Test):
    def hook(self, name, **config):
        """A flag that makes an application the hook of this name."""
        config = {"exit_on": {}, **config}
        return f"--{name}=" + " ".join("'" + word.replace("'", "'\\''") + "'" for word in self.app(name, **config))

    def test_they_run_around_the_process(self):
        run = self.start(self.hook("pre-start"), self.hook("post-stop"), "--", *self.app())
        before = self.event("start", name="pre-start")
        self.tell(before, "exit", code=0)
        app = self.event("start", name="main")
        self.tell(app, "exit", code=3)
        after = self.event("start", name="post-stop")
        self.assertEqual(("exited", "3", "exit-code"),
                         tuple(after["env"][key] for key in ("EXIT_CODE", "EXIT_STATUS", "SERVICE_RESULT")))
        self.tell(after, "exit", code=9)
        run.end(3)
        self.assertIn("--post-stop: exit code 9", run.stderr)

    def test_what_they_print_is_seen(self):
        run = self.start("--pre-start=/bin/echo before", "--post-stop=/bin/echo 'after it'", "--", "/bin/echo", "it")
        run.end(0)
        self.assertEqual(run.stdout, "before\nit\nafter it\n")

    def test_they_read_nothing_of_what_is_meant_for_the_process(self):
        run = self.start("--pre-start=/bin/cat", "--", "/bin/cat", stdio=(None, "pipe", "pipe"))
        run.end(0)

    def test_a_pre_start_that_fails(self):
        run = self.start("--pre-start=/bin/false", "--post-stop=/bin/echo never", "--", "/bin/echo", "never")
        run.end(1)
        self.assertEqual(run.stdout, "")
        self.assertIn("--pre-start: exit code 1: not starting", run.stderr)

    def test_one_that_fails_at_first_while_developing(self):
        """The next save may be the cure."""
        folder = self.folder()
        path = self.write(os.path.join(folder, "migrate.sh"), "exit 3\n")
        run = self.start("--dev", f"--pre-start=sh {path}", "--start-limit-burst=1", "--restart-delay=0",
                         "--", *self.app(), setup=lambda: os.chdir(folder))
        run.says("--pre-start: exit code 3", "waiting for a change")
        self.write(path, "exit 0\n")
        self.event("start", name="main")
        run.kill(TERM)
        run.end(0)

    def test_one_that_is_not_there(self):
        run = self.start("--pre-start=/no/such/program", "--", "/bin/true")
        run.end(127)
        self.assertIn("/no/such/program", run.stderr)

    def test_term_during_each(self):
        run = self.start(self.hook("pre-start", exit_on={"15": 0}), "--", "/bin/echo", "never")
        self.event("start", name="pre-start")
        run.kill(TERM)
        self.event("signal", name="pre-start", signal=TERM)
        run.end(143)
        self.assertEqual(run.stdout, "")

        run = self.start(self.hook("post-stop"), "--", "/bin/true")
        after = self.event("start", name="post-stop")
        run.kill(TERM)
        self.tell(after, "exit", code=0)
        run.end(0)
        self.no_event("signal", name="post-stop")

    def test_a_signal_during_the_pre_start_is_for_the_process(self):
        run = self.start(self.hook("pre-start"), "--", "/bin/sleep", "1000")
        before = self.event("start", name="pre-start")
        run.kill(signal.SIGUSR1)
        self.tell(before, "exit", code=0)
        run.end(128 + signal.SIGUSR1)
        self.no_event("signal", name="pre-start")

    def test_the_port_is_free_for_them(self):
        """What the process left behind is gone before post-stop runs."""
        run = self.start(self.hook("post-stop"), "--", *self.app(), env={"REINIT_LEFTOVER_TIMEOUT": "1h"})
        app = self.event("start", name="main")
        self.tell(app, "spawn", name="leftover", session=True, exit_on={"15": 0})
        leftover = self.event("start", name="leftover")
        self.tell(app, "exit", code=0)
        after = self.event("start", name="post-stop")
        self.assertFalse(self.alive(leftover))
        self.tell(after, "exit", code=0)
        run.end(0)

    def test_at_each_restart(self):
        run = self.start("--restart=always", "--restart-delay=0", "--start-limit-burst=2", "--pre-start=/bin/echo before",
                         "--post-stop=/bin/echo after", "--", "/bin/echo", "it")
        run.end(1)
        self.assertEqual(run.stdout, "before\nit\nafter\n" * 3)


if __name__ == "__main__":
    xml_runner.main()
