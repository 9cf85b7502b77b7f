"""Surroundings that lack something: /proc, a writable root, a known user, processes, descriptors, a reader of stderr."""

import errno
import os
import resource
import shutil
import signal
import unittest

import bindfs
import harness
import namespace
import xml_runner

TERM = signal.SIGTERM
QUICK = ["--reload-delay=10ms", "--watch-settle=10ms", "--log-level=debug", "--restart-delay=1ms",
         "--restart-delay-max=10ms", "--health-interval=20ms"]


class FaultTest(harness.Pid1Test):
    """Base: what must work anywhere."""

    def works_plain(self, setup):
        for pid1 in (True, False):
            with self.subTest("plain", pid1=pid1):
                run, app = self.start_app(setup=setup, pid1=pid1)
                self.tell(app, "orphans", count=100)
                self.event("made")
                run.only(app["host"])
                run.queue(40, 4)
                self.assertEqual(self.event("signal", signal=40)["value"], 4)
                self.tell(app, "spawn", name="leftover")
                self.event("start", name="leftover")
                self.tell(app, "exit", code=7)
                self.event("signal", name="leftover", signal=TERM)
                run.end(7)
                self.assertEqual(run.stderr, "")
            with self.subTest("cannot be run", pid1=pid1):
                run = self.start("--", "/no/such", setup=setup, pid1=pid1)
                run.end(127)

    def works_supervised(self, setup):
        watched = self.write(os.path.join(self.folder(), "file"))
        for pid1 in (True, False):
            with self.subTest("supervised", pid1=pid1):
                run, app = self.start_app(*QUICK, "--restart=always", f"--watch={watched}", "--health=exec:/bin/true",
                                          setup=setup, pid1=pid1)
                run.says("watching", "scan")
                run.says("ready")
                self.tell(app, "exit", code=1)
                self.event("start", name="main")
                self.write(watched, "x")
                app = self.event("start", name="main")
                self.assertEqual(app["env"]["REINIT_CHANGED"], watched)
                run.only(app["host"])
                run.kill(TERM)
                self.event("signal", name="main", signal=TERM)
                run.end()
                self.events.clear()


class SurroundingsTest(FaultTest):
    @unittest.skipIf(harness.SANITIZED, "the sanitizers themselves need /proc")
    def test_no_proc(self):
        def setup():
            namespace.mount("none", "/proc", "tmpfs")
        self.works_plain(setup)
        self.works_supervised(setup)

    @unittest.skipIf(harness.SANITIZED, "the sanitizers themselves need /proc")
    def test_leftovers_without_our_proc(self):
        """The group is swept, and what cannot be found is warned of."""
        def no_proc():
            namespace.mount("none", "/proc", "tmpfs")

        def proc_of_another_namespace():
            namespace.unmount("/proc")
        for setup in (no_proc, proc_of_another_namespace):
            with self.subTest(setup.__name__):
                run, app = self.start_app(*QUICK, "--restart=always", "--leftover-timeout=100ms", setup=setup)
                run.says("/proc is not mounted, or is that of another pid namespace")
                self.tell(app, "spawn", name="leftover", orphan=True, exit_on={})
                leftover = self.event("start", name="leftover")
                self.tell(app, "exit", code=1)
                self.event("signal", name="leftover", signal=TERM)
                app = self.event("start", name="main")
                self.assertFalse(self.alive(leftover))
                run.kill(TERM)
                self.event("signal", name="main", signal=TERM)
                run.end(0)

    def test_read_only_root(self):
        root = self.folder()

        def setup():
            namespace.mount("/", root, "none", namespace.MS_BIND | namespace.MS_REC)
            try:
                namespace.mount("none", root, "none", namespace.MS_BIND | namespace.MS_REMOUNT | namespace.MS_RDONLY)
            except PermissionError:
                os._exit(77)  # flags of the mount are locked in this user namespace
            os.chroot(root)
            os.chdir("/")
            try:
                os.mkdir("/written")
                os._exit(78)
            except OSError as error:
                if error.errno != errno.EROFS:
                    raise
        run = self.start("--", "/bin/true", setup=setup)
        if run.end() == 77:
            self.skipTest("cannot make a read-only root here")
        run.end(0)
        self.works_plain(setup)
        self.works_supervised(setup)

    def test_a_user_that_nobody_knows(self):
        def setup():
            namespace.user_namespace(4242)
        run = self.start("--", "/usr/bin/id", "-u", setup=setup)
        run.end(0)
        self.assertEqual(run.stdout, "4242\n")
        self.works_plain(setup)
        self.works_supervised(setup)

    def test_an_empty_environment(self):
        def setup():
            os.environ.clear()
        run = self.start("--", "sh", "-c", "exit 3", setup=setup)
        run.end(3)

    def test_few_descriptors(self):
        """Runs, or says why not; never hangs."""
        for flags in ([], ["--restart=on-failure:1", "--restart-delay=0"], ["--health=exec:/bin/true",
                                                                            f"--watch={self.folder()}"]):
            for limit in range(3, 16):
                with self.subTest(flags=flags, limit=limit):
                    run = self.start(*flags, "--", "/bin/sh", "-c", "exit 7",
                                     setup=lambda n=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
                    # EMFILE may pass, so it says so and waits; until then TERM ends it.
                    run.wait_for(lambda r=run: r.status is not None or r.stderr, "an end or a reason")
                    run.kill(TERM)
                    code = run.end()
                    if code != 7:
                        self.assertIn(code, (1, 127, 143) if not harness.SANITIZED else range(1, 256))
                        self.assertTrue(run.stderr or limit < 4)

    def test_a_storm_of_signals(self):
        run, app = self.start_app("--restart=always", config={"exit_on": {"15": 4}})
        for _ in range(20_000):
            run.kill(signal.SIGHUP)
            run.kill(signal.SIGUSR1)
        run.kill(TERM)
        run.end(4)


class FullStderrTest(harness.Pid1Test):
    def test_a_pipe_that_is_read_again(self):
        """What was lost is counted, and the first line that gets through tells it."""
        for user in ([], ["--user=65534"]) if os.geteuid() == 0 else ([],):
            with self.subTest(user=user):
                reader, full = self.full_pipe()
                run, app = self.start_app("--log-level=debug", "--restart=always", "--restart-delay=1ms", *user,
                                          stdio=(None, "pipe", full))
                self.tell(app, "exit", code=1)
                app = self.event("start")
                os.set_blocking(reader, False)
                os.read(reader, 1 << 20)
                self.tell(app, "exit", code=1)
                self.event("start")
                run.kill(signal.SIGTERM)
                run.end(0)
                said = os.read(reader, 1 << 20).decode()
                self.assertRegex(said, r"^reinit: \(\d+ lines before this were lost\)\nreinit: ")
                self.assertIn("reinit: SIGTERM: stopping\n", said)


class HungFileSystemTest(FaultTest):
    """A FUSE file system that answers nobody any more."""

    def nothing_is_open(self, run, apps):
        """No child of reinit is at a file: the kernel lets nobody end who is to close one there."""
        self.eventually(lambda: len(run.members()) == 1 + len(run.helpers()) + apps, lambda: f"at work: {run.members()}")

    def test_at_the_start(self):
        """Nothing that is named holds the start up, a check neither."""
        mount = bindfs.Mount(self, self.folder())
        mount.hang()
        check = self.start("--check", f"--watch={mount.path}", "--", "/bin/true")
        check.end(0)
        self.assertRegex(check.stdout, "--watch=.*does not answer")
        run, _ = self.start_app(f"--watch={mount.path}", f"--ready-file={mount.path}/ready")
        for flag in ("--watch=", "--ready-file="):
            run.says(flag, "does not answer")
        run.kill(TERM)
        run.end(0)

    def test_the_exec_of_a_plain_init(self):
        """It waits for the exec as well, with all signals; only KILL ends both at once."""
        source = self.folder()
        shutil.copy("/bin/sleep", source)
        for number, code in ((TERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
            with self.subTest(number):
                mount = bindfs.Mount(self, source)
                mount.hang()
                run = self.start("--", f"{mount.path}/sleep", "1000")
                self.eventually(lambda: any("request_wait" in one.wchan() for one in run.members()), lambda: "no exec")
                run.kill(number)
                if number == TERM:
                    mount.go_on()
                run.end(code)

    def test_the_exec_of_a_supervised_process(self):
        """That holds nothing up: reinit hears TERM at once."""
        source = self.folder()
        shutil.copy("/bin/sleep", source)
        mount = bindfs.Mount(self, source)
        mount.hang()
        run = self.start("--restart=always", "--", f"{mount.path}/sleep", "1000")
        self.eventually(lambda: any("request_wait" in one.wchan() for one in run.members()), lambda: "no exec")
        run.kill(TERM)
        run.end(143)

    def test_ready_file(self):
        source = self.folder()
        mount = bindfs.Mount(self, source)
        run, app = self.start_app("--restart=always", "--restart-delay=1ms", f"--ready-file={mount.path}/ready")
        self.eventually(lambda: os.path.exists(os.path.join(source, "ready")), lambda: "no ready file")
        self.nothing_is_open(run, apps=1)
        mount.hang()
        self.tell(app, "exit", code=1)
        app = self.event("start")
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        run.says("--ready-file", "does not answer")
        run.kill(TERM)
        run.end(0)

    def test_env_file(self):
        source = self.folder()
        self.write(os.path.join(source, "env"), "ONE=1\n")
        mount = bindfs.Mount(self, source)
        run, app = self.start_app("--restart=always", "--restart-delay=1ms", f"--env-file={mount.path}/env")
        self.assertEqual(app["env"]["ONE"], "1")
        mount.hang()
        self.tell(app, "exit", code=1)
        app = self.event("start")
        self.assertEqual(app["env"]["ONE"], "1")
        run.says("--env-file", "does not answer", "keeping the environment")
        run.kill(signal.SIGUSR1)
        self.event("signal", signal=signal.SIGUSR1)
        mount.go_on()
        self.write(os.path.join(source, "env"), "ONE=2\n")
        self.tell(app, "exit", code=1)
        self.assertEqual(self.event("start")["env"]["ONE"], "2")
        run.kill(TERM)
        run.end(0)

    def test_a_first_env_file_that_hangs(self):
        source = self.folder()
        self.write(os.path.join(source, "env"), "ONE=1\n")
        mount = bindfs.Mount(self, source)
        mount.hang()
        run = self.start(f"--env-file={mount.path}/env", "--", *self.app())
        run.says("--env-file", "does not answer", "trying again")
        self.no_event("start")
        mount.go_on()
        app = self.event("start")
        self.assertEqual(app["env"]["ONE"], "1")
        run.kill(TERM)
        run.end(0)

    def test_down_while_the_env_file_hangs(self):
        source = self.folder()
        self.write(os.path.join(source, "env"), "ONE=1\n")
        mount = bindfs.Mount(self, source)
        run, app = self.start_app("--restart=always", "--restart-delay=1ms", f"--env-file={mount.path}/env")
        mount.hang()
        self.tell(app, "exit", code=1)
        self.eventually(lambda: any("request_wait" in one.wchan() for one in run.members()), lambda: "nobody reads it")
        run.kill(TERM)
        # 0: on a slow machine it has been given up by then, and the process runs.
        self.assertIn(run.end(), (0, 143))

    def test_pid_file(self):
        source, watched = self.folder(), self.folder()
        self.write(os.path.join(source, "pid"), "1\n")
        mount = bindfs.Mount(self, source)
        file = self.write(os.path.join(watched, "file"))
        run = self.start("--on-change=signal:USR1", f"--target-pidfile={mount.path}/pid", f"--watch={watched}",
                         "--reload-delay=10ms", "--reload-retry-delay=10ms", "--log-level=debug")
        run.says("first scan done")
        self.nothing_is_open(run, apps=0)
        mount.hang()
        self.write(file, "two")
        run.says("--target-pidfile", "does not answer")
        # It reaps, and it ends.
        run.kill(TERM)
        run.end(0)

    def test_last_words(self):
        mount = bindfs.Mount(self, self.folder())
        run, app = self.start_app(f"--termination-log={mount.path}/words", config={"exit_on": {"15": 4}})
        mount.hang()
        run.kill(TERM)
        run.says("--termination-log", "does not answer")
        run.end(4)

    def test_an_unkillable_process(self):
        """Its request is in the hands of a server that waits for another one: nothing ends that (state D)."""
        inner = bindfs.Mount(self, self.folder())
        outer = bindfs.Mount(self, inner.path)
        run, app = self.start_app("--restart=always", "--shutdown-timeout=50ms")
        inner.hang()
        self.tell(app, "look", path=os.path.join(outer.path, "file"))
        self.eventually(lambda: "request_wait" in harness.proc(app["host"], "wchan") and outer.waits(),
                        lambda: "it does not wait")
        run.kill(TERM)
        run.says("SIGKILL")
        run.says("survives SIGKILL in state D")
        run.says("ending without it, as --shutdown-timeout=50ms is over")
        # A namespace ends with its last process: now it is the kernel that waits.
        inner.go_on()
        run.end(137)

    def test_an_unkillable_process_without_a_limit(self):
        """Twin: it is waited for, and it is not the init that is stuck."""
        inner = bindfs.Mount(self, self.folder())
        outer = bindfs.Mount(self, inner.path)
        run, app = self.start_app("--restart=always")
        inner.hang()
        self.tell(app, "look", path=os.path.join(outer.path, "file"))
        self.eventually(lambda: "request_wait" in harness.proc(app["host"], "wchan") and outer.waits(),
                        lambda: "it does not wait")
        run.kill(signal.SIGINT)
        run.says("SIGINT: stopping")
        run.kill(signal.SIGINT)
        run.says("survives SIGKILL in state D")
        run.kill(signal.SIGUSR1)
        self.assertIsNone(run.status)
        inner.go_on()
        run.end(137)


class LastWordsTest(FaultTest):
    def test_a_fifo_that_nobody_reads(self):
        path = os.path.join(self.folder(), "fifo")
        os.mkfifo(path)
        run, app = self.start_app(f"--termination-log={path}", config={"exit_on": {"15": 4}})
        run.kill(TERM)
        run.end(4)
        self.assertIn("--termination-log", run.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount over /sys")
    def test_out_of_memory(self):
        """As cgroup v2 tells it; the kernel's own killer is at work in tests/container."""
        events = "/sys/fs/cgroup/memory.events"

        def setup():
            namespace.mount("none", "/sys/fs/cgroup", "tmpfs")
            with open(events, "w", encoding="ascii") as file:
                file.write("low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\noom_group_kill 0\n")
        words = os.path.join(self.folder(), "words")
        run = self.start(f"--termination-log={words}", "--", "/bin/sh", "-c",
                         f"echo oom_kill 1 >{events}; kill -KILL $$", setup=setup)
        run.end(137)
        with open(words, encoding="utf-8") as file:
            self.assertEqual(file.read(), "process ended: SIGKILL, by the kernel: out of memory\n")
        # Killed by somebody else.
        run = self.start(f"--termination-log={words}", "--", "/bin/sh", "-c", "kill -KILL $$", setup=setup)
        run.end(137)
        with open(words, encoding="utf-8") as file:
            self.assertEqual(file.read(), "process ended: SIGKILL\n")
        # What a shell says of a command that was killed; a plain init does not watch, but looks at the end.
        killed = ["/bin/sh", "-c", f"echo oom_kill 1 >{events}; exit 137"]
        run = self.start(f"--termination-log={words}", "--", *killed, setup=setup)
        run.end(137)
        with open(words, encoding="utf-8") as file:
            self.assertEqual(file.read(), "process ended: exit code 137, after the kernel had killed 1 process below it: "
                                          "out of memory\n")
        run = self.start("--restart=always", "--restart-delay=1h", "--restart-delay-max=1h", "--", *killed, setup=setup)
        run.says("out of memory: the kernel has killed 1 process below the main process, 1 since the start")
        run.says("ended: exit code 137, after the kernel had killed 1 process below it: out of memory, starting it again")
        run.kill(TERM)
        run.end(143)


class ForkFailsTest(FaultTest):
    """EAGAIN from fork, as at a limit on processes: it waits, and is not deaf meanwhile."""

    def setUp(self):
        super().setUp()
        self.uid = 100_000 + os.getpid()  # a user of our own, since the limit counts a user's processes

    def become(self):
        try:
            os.setgroups([])
            os.setgid(self.uid)
            os.setuid(self.uid)
        except OSError:
            os._exit(77)  # a user namespace with one user

    def limited(self):
        """Room for reinit and one more."""
        self.become()
        resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))

    def fill(self):
        """Takes the room. Returns what gives it back."""
        ready, done = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                namespace.die_with_parent()
                self.become()
                namespace.die_with_parent()
                os.write(done, b"x")
                signal.pause()
            finally:
                os._exit(77)
        os.close(done)
        filled = os.read(ready, 1)
        os.close(ready)

        def release():
            nonlocal pid
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                pid = 0
        self.addCleanup(release)
        if not filled:
            os.waitpid(pid, 0)
            pid = 0
            self.skipTest("no second user here")
        return release

    def start_stuck(self, *flags):
        release = self.fill()
        # The leak sanitizer looks from a process of its own, which it cannot have here either.
        run = self.start(*QUICK, *flags, "--", *self.app(), setup=self.limited, env={"ASAN_OPTIONS": "detect_leaks=0"})
        run.says("fork")
        return run, release

    def test_recovers(self):
        for flags in ([], ["--restart=always"]):
            with self.subTest(flags):
                run, release = self.start_stuck(*flags)
                release()
                self.event("start")
                run.kill(TERM)
                run.end(0)

    def test_term_meanwhile(self):
        for flags in ([], ["--restart=always"]):
            with self.subTest(flags):
                run, release = self.start_stuck(*flags)
                run.kill(TERM)
                run.end(143)
                release()

    def test_at_a_restart(self):
        self.fill()()
        run = self.start(*QUICK, "--restart=always", "--", *self.app(), setup=self.limited,
                         env={"ASAN_OPTIONS": "detect_leaks=0"})
        app = self.event("start")
        release = self.fill()
        self.tell(app, "exit", code=1)
        run.says("fork")
        release()
        app = self.event("start")
        self.assertEqual(app["env"]["REINIT_GENERATION"], "2")
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)


if __name__ == "__main__":
    xml_runner.main()
