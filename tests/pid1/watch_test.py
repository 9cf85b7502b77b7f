"""How changes are noticed and compared, end to end: announced, where announcements run out or do not come, by content."""

import errno
import mmap
import os
import signal
import struct
import subprocess
import unittest

import bindfs
import harness
import namespace
import xml_runner
from run import proc

TERM = signal.SIGTERM
# Only what is announced reloads, or only what is swept.
ANNOUNCED = ["--reload-delay=1h", "--watch-scan=0", "--watch-settle=10ms", "--log-level=debug"]
# The system calls.
READ = {"x86_64": 0, "aarch64": 63}.get(os.uname().machine)
PPOLL = {"x86_64": 271, "aarch64": 73}.get(os.uname().machine)
FOREVER = -1
QUICK = ["--reload-delay=10ms", "--watch-scan=0", "--watch-settle=10ms", "--log-level=debug"]


class WatchTest(harness.Pid1Test):
    """Base: an application and a watched folder."""

    def setUp(self):
        super().setUp()
        self.root = self.folder()
        self.file = self.write(os.path.join(self.root, "app.py"), "one")

    def watching(self, *flags, watch=None, **how):
        run, app = self.start_app(f"--watch={watch or self.root}", *flags, **how)
        run.says("watching", "scan")
        return run, app

    def reloaded(self, changed):
        app = self.event("start", name="main")
        self.assertEqual(app["env"].get("REINIT_CHANGED"), changed)
        return app

    def finish(self, run, app):
        run.only(app["host"])
        run.kill(TERM)
        run.end(0)
        self.no_event("start")


class MappedTest(WatchTest):
    def test_found_by_the_scan_and_no_more_than_that(self):
        """A mapping that stays: nothing is announced until it ends."""
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.root], capture_output=True, text=True, check=True).stdout
        if kind.strip() not in ("ext2/ext3", "xfs", "btrfs"):
            self.skipTest(f"not for {kind.strip()}")
        run, app = self.watching("--watch-scan=50ms", "--reload-delay=1h", "--watch-settle=10ms", "--log-level=debug")
        with open(self.file, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        with memory:
            for byte in b"xyz":
                memory[0] = byte
                memory.flush()
                app = self.reloaded(self.file)
        run.says(self.file, "memory-mapped", "--watch-scan")
        # Else it would say so.
        self.assertNotIn("by its file system", run.stderr)
        self.assertEqual(run.stderr.count("memory-mapped"), 1)
        run.kill(TERM)
        run.end(0)


class AnnouncedTest(WatchTest):
    def test_a_change_is_noticed_long_before_the_reload_delay(self):
        run, app = self.watching(*ANNOUNCED)
        run.says("started process", "using inotify")
        inner = os.path.join(self.root, "new", "deep", "inner.py")
        os.makedirs(os.path.dirname(inner))
        self.write(inner, "x")
        app = self.reloaded(inner)
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    @unittest.skipIf(harness.SANITIZED, "the sanitizers themselves need /proc")
    def test_without_proc(self):
        run, app = self.watching(*ANNOUNCED, setup=lambda: namespace.mount("none", "/proc", "tmpfs"))
        self.write(self.file, "two")
        app = self.reloaded(self.file)
        run.kill(TERM)
        run.end(0)

    def test_killed_helper_misses_nothing(self):
        run, app = self.watching(*ANNOUNCED)
        helper = run.helpers()["watch"]
        harness.hang(helper)
        self.write(self.file, "two")
        os.kill(helper, signal.SIGKILL)
        app = self.event("start")
        self.eventually(lambda: run.helpers().get("watch", helper) != helper, lambda: "no new helper")
        self.write(self.file, "three")
        self.finish(run, self.reloaded(self.file))

    def sleeps(self, run):
        """What each thread of the helper sleeps in: of the first, ppoll, the timeout in ms or FOREVER; else the call."""
        helper = run.helpers()["watch"]
        calls = [proc(helper, f"task/{task}/syscall").split()
                 for task in sorted(os.listdir(f"/proc/{helper}/task"), key=int)]
        if any(len(words) < 4 for words in calls):
            return None
        if int(calls[0][0]) != PPOLL:
            return None
        return [self.milliseconds(helper, int(calls[0][3], 16)), *(int(words[0]) for words in calls[1:])]

    def milliseconds(self, pid, address):
        """What the timespec of a process says, or FOREVER if there is none."""
        if address == 0:
            return FOREVER
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            seconds, nanoseconds = struct.unpack("=qq", memory.read(16))
        return seconds * 1000 + nanoseconds // 1_000_000

    def test_idle_helper_sleeps(self):
        run, app = self.watching(*ANNOUNCED)
        # ppoll(fds, 2, NULL): it has nothing to wake up for. Who says that it hangs reads a timer that is not armed.
        self.eventually(lambda: self.sleeps(run) == [FOREVER, READ], lambda: f"it sleeps in {self.sleeps(run)}")
        self.finish(run, app)

    def test_idle_helper_wakes_twice_a_minute(self):
        """Without flags: for the scan, and for nothing else."""
        run, app = self.watching("--log-level=debug")
        self.eventually(lambda: (self.sleeps(run) or [0])[0] in range(20_000, 30_001) and self.sleeps(run)[1:] == [READ],
                        lambda: f"it sleeps in {self.sleeps(run)}")
        self.finish(run, app)


class LimitsTest(WatchTest):
    def limited(self, name, value):
        def setup():
            namespace.user_namespace(0)
            # Counts for this user namespace alone.
            with open(f"/proc/sys/user/{name}", "w", encoding="ascii") as file:
                file.write(str(value))
        return setup

    def test_no_inotify(self):
        """gVisor, and some seccomp profiles."""
        run, app = self.watching(*QUICK, setup=lambda: namespace.refuse(namespace.INOTIFY_INIT1, errno.ENOSYS))
        run.says("inotify: Function not implemented", "looking every 10ms instead")
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))

    def test_no_execveat(self):
        """Some seccomp profiles, and qemu-user: the helpers are executed by their path."""
        run, app = self.watching(*QUICK, setup=lambda: namespace.refuse(namespace.EXECVEAT, errno.EPERM))
        self.write(self.file, "two")
        self.finish(run, self.reloaded(self.file))
        self.assertNotIn("helper", run.stderr)

    def test_watches_run_out(self):
        for number in range(60):
            os.mkdir(os.path.join(self.root, f"d{number}"))
        run, app = self.watching(*QUICK, setup=self.limited("max_inotify_watches", 30))
        line = run.says("inotify", "fs.inotify.max_user_watches")
        for number in range(60):
            path = os.path.join(self.root, f"d{number}", "file")
            self.write(path, "x")
            app = self.reloaded(path)
        self.assertNotIn("max_user_watches", "".join(run.stderr.splitlines()[line + 1:]), "one warning")
        self.finish(run, app)

    def test_instances_run_out(self):
        for mode in ("auto", "inotify"):
            run, app = self.watching(*QUICK, f"--watch-mode={mode}", setup=self.limited("max_inotify_instances", 0))
            run.says("inotify", "fs.inotify.max_user_instances")
            self.write(self.file, mode)
            self.finish(run, self.reloaded(self.file))


class ContentTest(WatchTest):
    def test_a_touch_is_no_change_by_content(self):
        for flags in (["--watch-mode=hash", *QUICK], ["--watch-compare=hash", *ANNOUNCED]):
            run, app = self.watching(*flags)
            other = self.write(os.path.join(self.root, "other"), "x")
            app = self.reloaded(other)
            os.utime(self.file)
            self.write(other, "y")
            self.finish(run, self.reloaded(other))
            os.unlink(other)

    def version(self, name, **keys):
        """As the kubelet writes it."""
        os.mkdir(os.path.join(self.root, name))
        for key, text in keys.items():
            with open(os.path.join(self.root, name, key), "w", encoding="utf-8") as file:
                file.write(text)
        os.symlink(name, os.path.join(self.root, "..data_tmp"))
        os.rename(os.path.join(self.root, "..data_tmp"), os.path.join(self.root, "..data"))

    def remove(self, name):
        for key in os.listdir(os.path.join(self.root, name)):
            os.unlink(os.path.join(self.root, name, key))
        os.rmdir(os.path.join(self.root, name))

    def test_a_swap_of_a_volume_is_one_reload(self):
        for flags in (QUICK + ["--watch-mode=poll"], ANNOUNCED):
            self.root = self.folder()
            self.version("..1", key="one", other="same")
            for key in ("key", "other"):
                os.symlink(f"..data/{key}", os.path.join(self.root, key))
            run, app = self.watching(*flags)
            self.version("..2", key="one", other="same")
            self.remove("..1")
            self.version("..3", key="two", other="same")
            self.remove("..2")
            app = self.reloaded(os.path.join(self.root, "key"))
            self.assertNotIn("more", app["env"]["REINIT_REASON"])
            self.finish(run, app)


class FuseTest(WatchTest):
    """A file system of Debian's bindfs, changed behind its back."""

    def setUp(self):
        super().setUp()
        self.bindfs = bindfs.Mount(self, self.root)
        self.mounted = self.bindfs.path

    def test_changed_behind_its_back(self):
        run, app = self.watching(*QUICK, watch=self.mounted)
        self.write(self.file, "two")
        app = self.reloaded(os.path.join(self.mounted, "app.py"))
        deep = os.path.join(self.root, "deep")
        os.mkdir(deep)
        self.write(os.path.join(deep, "file"), "x")
        self.finish(run, self.reloaded(os.path.join(self.mounted, "deep", "file")))

    def test_a_hung_one_hangs_the_helper_alone(self):
        run, app = self.watching(*QUICK, "--restart=always", "--restart-delay=1ms", watch=self.mounted)
        self.bindfs.hang()
        helper = run.helpers()["watch"]
        self.eventually(lambda: "request_wait" in proc(helper, "wchan"), lambda: "the helper does not hang")
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            run.kill(number)
            self.event("signal", signal=number)
        self.tell(app, "exit", code=1)
        self.event("start")
        run.says(f"{self.mounted}: its file system has not answered")
        self.bindfs.go_on()
        run.says("answers again")
        run.kill(TERM)
        run.end(0)


if __name__ == "__main__":
    xml_runner.main()
