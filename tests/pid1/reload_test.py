"""The reload loop: what counts as a change, what happens while one is applied, and helpers that are killed."""

import os
import shutil
import signal

import harness
import xml_runner

TERM, INT = signal.SIGTERM, signal.SIGINT
QUICK = ["--reload-delay=10ms", "--watch-settle=10ms", "--log-level=debug"]
LONG_AGO = (1_000_000_000, 1_000_000_000)


class ReloadTest(harness.Pid1Test):
    """Base: an application and a watched folder."""

    def setUp(self):
        super().setUp()
        self.root = self.folder()
        self.file = self.write(os.path.join(self.root, "app.py"), "one")

    def start_watching(self, *flags, config=None, watch=None, **how):
        run, app = self.start_app(*QUICK, f"--watch={watch or self.root}", *flags, config=config, **how)
        run.says("watching", "scan")  # what happens before is how it has always been
        return run, app

    def reloaded(self, changed=None):
        app = self.event("start", name="main")
        if changed:
            self.assertEqual(app["env"].get("REINIT_CHANGED"), changed)
            self.assertIn(os.path.basename(changed), app["env"]["REINIT_REASON"])
        return app

    def finish(self, run, app, code=0):
        """One process, no more reloads than were seen, and a clean end."""
        run.only(app["host"])
        run.kill(TERM)
        run.end(code)
        self.no_event("start")


class ChangeTest(ReloadTest):
    def test_every_kind_of_change(self):
        other = os.path.join(self.root, "other")
        link, target = os.path.join(self.root, "link"), os.path.join(self.folder(), "target")
        inner = os.path.join(self.root, "deep", "inner.txt")
        self.write(target, "a")

        def grow_and_hide():
            before = os.stat(self.file).st_mtime_ns
            with open(self.file, "a", encoding="utf-8") as file:
                file.write("more")
            os.utime(self.file, ns=(before, before))

        def make_deep():
            os.mkdir(os.path.dirname(inner))
            self.write(inner, "x")

        def in_place():
            with open(self.file, "w", encoding="utf-8") as file:
                file.write("two")
        kinds = (("changed in place", in_place, self.file),
                 ("replaced by a rename", lambda: self.write(self.file, "new"), self.file),
                 ("older", lambda: os.utime(self.file, LONG_AGO), self.file),
                 ("touched", lambda: os.utime(self.file), self.file),
                 ("grown with its old time", grow_and_hide, self.file),
                 ("new", lambda: self.write(other, "x"), other),
                 ("renamed", lambda: os.rename(other, other + "2"), None),
                 ("removed", lambda: os.unlink(other + "2"), other + "2"),
                 ("new link", lambda: os.symlink(target, link), link),
                 ("target of a link", lambda: self.write(target, "bb"), link),
                 ("new folder with a file", make_deep, inner),
                 ("file in the new folder", lambda: self.write(inner, "yy"), inner),
                 ("removed folder", lambda: shutil.rmtree(os.path.dirname(inner)), inner))
        run, app = self.start_watching()
        for generation, (name, change, changed) in enumerate(kinds, 2):
            change()
            app = self.reloaded(changed)
            self.assertEqual(app["env"]["REINIT_GENERATION"], str(generation), name)
        self.finish(run, app)

    def test_when_not_pid_1(self):
        run, app = self.start_watching(pid1=False)
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    def test_what_does_not_count(self):
        for folder in (".git", "__pycache__"):
            os.mkdir(os.path.join(self.root, folder))
        run, app = self.start_watching("--watch-ext=py,html")
        for path in (".git/index", "__pycache__/app.pyc", "notes.txt", "app.py~", ".app.py.swp", "py", "4913"):
            self.write(os.path.join(self.root, path), "x")
        os.mkdir(os.path.join(self.root, "empty"))
        page = self.write(os.path.join(self.root, "page.html"), "x")
        app = self.reloaded(page)
        self.assertNotIn("more", app["env"]["REINIT_REASON"])
        self.finish(run, app)

    def test_a_single_file(self):
        run, app = self.start_watching(watch=self.file)
        self.write(os.path.join(self.root, "beside"), "x")
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    def test_strange_names(self):
        """What a file is called does not matter; a line on stderr stays one line."""
        run, app = self.start_watching()
        for name in ("a b", "new\nreinit: line", "\x1b[31mred", "-x", "ü", "x" * 250, os.fsdecode(b"\xff\xfe")):
            path = os.path.join(self.root, name)
            with open(path, "w", encoding="utf-8"):
                pass
            app = self.event("start")
            # JSON of the application shows undecodable bytes as surrogates; os.fsencode brings them back.
            self.assertEqual(os.fsencode(app["env"]["REINIT_CHANGED"]), os.fsencode(path))
        for line in run.stderr.splitlines():
            self.assertTrue(line.startswith("reinit: "), repr(line))
        self.assertNotIn("\x1b", run.stderr)
        self.finish(run, app)

    def test_many_at_once_are_one(self):
        run, app = self.start_watching("--watch-settle=300ms")
        for number in range(200):
            self.write(os.path.join(self.root, f"file{number}"), "x")
        app = self.event("start")
        self.assertIn("more", app["env"]["REINIT_REASON"])
        self.finish(run, app)

    def test_reloads_do_not_count_as_crashes(self):
        run, app = self.start_watching("--restart=always", "--start-limit-burst=1", "--restart-delay=1h")
        for number in range(5):
            self.write(self.file, str(number))
            app = self.reloaded(self.file)
        self.finish(run, app)

    def test_a_process_that_writes_what_is_watched_is_reloaded_slower(self):
        log = os.path.join(self.root, "run.log")
        run = self.start(*QUICK, f"--watch={self.root}", "--", "/bin/sh", "-c",
                         f"echo x >>{log}; exec sleep 1000", pid1=False)
        run.says("watching", "scan")
        self.write(self.file, "two")
        told = run.says(log, "--watch-exclude")
        run.says("reload", log, after=told + 1)  # it still is, after a while
        self.assertEqual(run.stderr.count("--watch-exclude"), 1)
        edited = os.path.basename(self.write(self.file, "three"))
        # At once, however long the other waits; it may be the same reload, and the other the one that is named.
        self.eventually(lambda: any("reload" in line and (edited in line or "more" in line)
                                    for line in run.stderr.splitlines()[told + 1:]), lambda: run.stderr[-2000:])
        run.kill(TERM)
        run.end()

    def test_fifty_reloads_leave_nothing(self):
        run, app = self.start_watching()
        fds, given = run.fd_kinds(), app["fds"]
        for number in range(50):
            # Not one file alone: that would look as if the application wrote it at each start.
            changed = self.write(f"{self.file}{number % 2}", str(number))
            app = self.reloaded(changed)
            self.assertEqual(sorted(app["fds"]), sorted(given))
        run.same_fds(fds)
        self.assertEqual(list(run.helpers()), ["watch"])
        self.finish(run, app)

    def test_idle_watching_wakes_nobody(self):
        run, app = self.start_app(*QUICK, f"--watch={self.root}", "--log-level=info")
        run.only(app["host"])
        run.comes_to_rest()
        self.finish(run, app)


class WhileRestartingTest(ReloadTest):
    def test_what_changes_while_the_old_one_stops(self):
        """The new one has it, so that is no reload, unless it was noticed too late to tell; what comes later is one."""
        run, app = self.start_watching(config={"delay": 0.4})
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        for number in range(3):
            self.write(os.path.join(self.root, f"late{number}"), "x")
        self.eventually(lambda: "late" in run.stderr, lambda: "what was late is not dealt with")
        last = self.write(os.path.join(self.root, "last"), "x")
        app = self.event("start")
        while app["env"]["REINIT_CHANGED"] != last:
            app = self.event("start")
        self.finish(run, app)

    def test_a_deaf_process_is_killed_after_the_stop_timeout(self):
        run, app = self.start_watching("--stop-timeout=100ms", config={"exit_on": {}})
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        again = self.reloaded(self.file)
        self.assertFalse(self.alive(app))
        self.tell(again, "exit", code=4)
        run.end(4)

    def test_a_stopped_process_is_reloaded(self):
        run, app = self.start_watching("--stop-timeout=1h")
        os.kill(app["host"], signal.SIGSTOP)
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        self.finish(run, self.reloaded(self.file))

    def test_stop_signal_of_a_reload(self):
        run, app = self.start_watching("--stop-signal=QUIT", "--stop-timeout=1h", config={"exit_on": {"3": 0}})
        self.write(self.file, "two")
        self.event("signal", signal=signal.SIGQUIT)
        self.finish(run, self.reloaded(self.file))

    def test_term_during_a_restart(self):
        run, app = self.start_watching(config={"exit_on": {"15": 17}, "delay": 0.3})
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        run.kill(TERM)
        run.end(17)
        self.no_event("start")

    def test_term_during_a_restart_gives_it_all_its_time(self):
        """The stop timeout of the restart does not cut short the end, which is the runtime's affair."""
        run, app = self.start_watching("--stop-timeout=300ms", config={"exit_on": {"15": 18}, "delay": 0.8})
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        run.kill(TERM)
        self.event("done")
        run.end(18)
        self.no_event("start")

    def test_two_interrupts_during_a_restart_of_a_deaf_process(self):
        run, app = self.start_watching("--stop-timeout=1h", config={"exit_on": {}})
        self.write(self.file, "two")
        self.event("signal", signal=TERM)
        run.kill(INT)
        self.event("signal", signal=INT)
        run.kill(INT)
        run.end(137)

    def test_term_at_random_moments_of_reloads(self):
        for turn in range(30):
            run, app = self.start_watching(pid1=turn % 2 == 0)
            self.write(self.file, str(turn))
            for _ in range(turn * 40):
                run.wakeups()  # takes some microseconds
            run.kill(TERM)
            self.assertIn(run.end(), (0, 143))  # 143: a new one that had not come to blocking it
            run.destroy()
            self.events.clear()

    def test_a_daemon_of_the_old_one_is_gone_before_the_new_one(self):
        run, app = self.start_watching()
        self.tell(app, "spawn", name="daemon", session=True, orphan=True, delay=0.2)
        daemon = self.event("start", name="daemon")
        self.write(self.file, "two")
        self.event("done", name="daemon")
        app = self.reloaded(self.file)
        self.assertFalse(self.alive(daemon))
        self.finish(run, app)

    def test_stdin_survives(self):
        reader, writer = os.pipe()
        run, app = self.start_watching(stdio=(reader, "pipe", "pipe"))
        self.write(self.file, "two")
        app = self.reloaded(self.file)
        os.write(writer, b"hello")
        self.tell(app, "read", fd=0, size=5)
        self.assertEqual(self.event("read")["text"], "hello")
        self.finish(run, app)
        os.close(reader)
        os.close(writer)


class AfterExitTest(ReloadTest):
    def test_wait_for_a_change(self):
        run, app = self.start_watching("--after-exit=wait")
        for code in (0, 3):
            self.tell(app, "exit", code=code)
            run.only()
            self.write(self.file, str(code))
            app = self.reloaded(self.file)
        self.finish(run, app)

    def test_exit(self):
        run, app = self.start_watching()
        self.tell(app, "exit", code=3)
        run.end(3)

    def test_a_change_ends_the_backoff(self):
        run, app = self.start_watching("--restart=always", "--restart-delay=1h", "--restart-delay-max=1h")
        self.tell(app, "exit", code=3)
        run.only()
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    def test_a_change_helps_one_that_was_given_up(self):
        run, app = self.start_watching("--restart=always", "--restart-delay=1ms", "--start-limit-burst=1",
                                       "--start-limit-action=stay")
        self.tell(app, "exit", code=3)
        self.tell(self.event("start"), "exit", code=3)
        run.only()
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    def test_dev(self):
        run, app = self.start_app("--dev", *QUICK, setup=lambda: os.chdir(self.root))
        run.says("watching", "scan")
        self.tell(app, "exit", code=1)
        run.only()
        self.write(self.file, "two")
        self.finish(run, self.reloaded())


class HelperTest(ReloadTest):
    def replaced(self, run, old):
        self.eventually(lambda: run.helpers().get("watch", old) != old, lambda: "the helper has not come back")

    def test_killed_helper_comes_back_and_nothing_is_lost(self):
        run, app = self.start_watching()
        for number in range(3):
            helper = run.helpers()["watch"]
            harness.hang(helper)  # it cannot see what follows
            self.write(self.file, str(number))
            os.kill(helper, signal.SIGKILL)
            app = self.reloaded()
            self.replaced(run, helper)
        self.write(self.file, "after")
        self.finish(run, self.reloaded(self.file))

    def test_killed_helper_with_nothing_changed_is_no_reload(self):
        run, app = self.start_watching()
        fds = run.fd_kinds()
        line = 0
        for _ in range(3):
            helper = run.helpers()["watch"]
            line = len(run.stderr.splitlines())
            os.kill(helper, signal.SIGKILL)
            self.replaced(run, helper)
            run.says("watching", "scan", after=line)
        self.no_event("start")
        run.same_fds(fds)
        self.finish(run, app)

    def test_killed_while_waiting_for_a_change(self):
        run, app = self.start_watching("--after-exit=wait")
        self.tell(app, "exit", code=1)
        run.only()
        helper = run.helpers()["watch"]
        os.kill(helper, signal.SIGKILL)
        self.write(self.file, "two")
        self.finish(run, self.reloaded())

    def test_a_helper_that_hangs_hangs_nobody_else(self):
        """As in a dead network file system: signals, restarts and the end work."""
        for pid1 in (True, False):
            run, app = self.start_watching("--restart=always", "--restart-delay=1ms", pid1=pid1)
            harness.hang(run.helpers()["watch"])
            run.kill(signal.SIGUSR1)
            self.event("signal", signal=signal.SIGUSR1)
            self.tell(app, "exit", code=1)
            self.event("start")
            run.kill(TERM)
            run.end(0)

    def test_a_stopped_helper_goes_on(self):
        run, app = self.start_watching()
        for text in ("two", "three"):
            os.kill(run.helpers()["watch"], signal.SIGSTOP)
            self.write(self.file, text)
            app = self.reloaded(self.file)
        run.says("watch helper", "was stopped by SIGSTOP: continued")
        self.finish(run, app)

    def test_a_path_that_disappears_and_returns(self):
        for kind in ("file", "folder"):
            with self.subTest(kind):
                watched = self.file if kind == "file" else self.root
                inside = self.file
                run, app = self.start_watching("--after-exit=wait", watch=watched)
                os.rename(watched, watched + ".away")
                run.says(watched, "disappeared")
                os.rename(watched + ".away", watched)
                self.write(inside, "after " + kind)
                # Going and coming may count as changes too; the last process has seen the last.
                self.eventually(lambda: any(e["event"] == "start" for e in self.events), lambda: "no reload")
                run.says(watched, "back")
                line = len(run.stderr.splitlines())
                self.write(inside, "last " + kind)
                run.says("reload", "app.py", after=line)
                run.kill(TERM)
                self.assertIn(run.end(), (0, 143))  # 143: the last one had not come to blocking it
                self.events.clear()
                run.destroy()


if __name__ == "__main__":
    xml_runner.main()
